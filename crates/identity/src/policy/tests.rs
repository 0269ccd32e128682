// SPDX-License-Identifier: Apache-2.0
use estafette_core::{email_address::EmailAddress, ids::ServerName};
use proptest::prelude::*;

use super::Policy;

const FILE: &str = r#"
[organisations.interieur]
name = "Ministère de l'Intérieur"
label = "Intérieur"
homeserver = "agent.interieur.example"
url = "https://chat.interieur.example/"
domains = ["interieur.gouv.fr", "*.interieur.gouv.fr"]

[organisations.gendarmerie]
name = "Gendarmerie"
domains = ["gendarmerie.interieur.gouv.fr"]
addresses = ["Colonel@exemple.fr"]

[organisations.education]
name = "Éducation"
domains = ["*.ac-paris.fr"]

[guests]
name = "Invités"
label = "Externe"
homeserver = "agent.externe.example"
"#;

fn here() -> ServerName {
    ServerName::parse("x.fr").unwrap()
}

fn place(policy: &Policy, address: &str) -> String {
    let address = EmailAddress::parse(address).unwrap();
    policy.organisation_of(&address).map_or("nobody", |found| &found.id).to_owned()
}

/// Otherwise people land in another ministry, or strangers in one (B15, B17, P14).
#[test]
fn the_most_precise_rule_counts_and_nothing_but_whole_labels() {
    let policy = Policy::parse(FILE, &here()).unwrap();
    for (address, id) in [
        ("a@interieur.gouv.fr", "interieur"),
        ("A@INTERIEUR.GOUV.FR", "interieur"),
        ("a@sg.interieur.gouv.fr", "interieur"),
        ("a@b.c.interieur.gouv.fr", "interieur"),
        ("a@gendarmerie.interieur.gouv.fr", "gendarmerie"),
        ("a@x.gendarmerie.interieur.gouv.fr", "interieur"),
        ("colonel@exemple.fr", "gendarmerie"),
        ("colonel2@exemple.fr", "guests"),
        ("a@x.ac-paris.fr", "education"),
        ("a@ac-paris.fr", "guests"),
        // What substrings and loose patterns have let in elsewhere.
        ("a@very-interieur.gouv.fr", "guests"),
        ("a@xinterieur.gouv.fr", "guests"),
        ("a@interieur.gouv.fr.evil.com", "guests"),
        ("a@interieurxgouv.fr", "guests"),
        ("interieur.gouv.fr@evil.com", "guests"),
        ("a+interieur.gouv.fr@evil.com", "guests"),
        ("a@gouv.fr", "guests"),
        ("a@fr.interieur", "guests"),
    ] {
        assert_eq!(place(&policy, address), id, "{address}");
    }
    let guest = policy.organisation_of(&EmailAddress::parse("a@b.c").unwrap()).unwrap().clone();
    assert!(guest.guests);
    assert_eq!(guest.homeserver.as_str(), "agent.externe.example");
    let all = policy.organisations();
    assert_eq!(
        all.keys().copied().collect::<Vec<_>>(),
        ["education", "gendarmerie", "guests", "interieur"]
    );
    assert_eq!(all["interieur"].url.as_deref(), Some("https://chat.interieur.example"));
    assert_eq!(all["education"].homeserver, here());
}

/// Otherwise a policy without guests would let everybody in, or an empty one.
#[test]
fn without_guests_strangers_are_nobodys() {
    let policy =
        Policy::parse("[organisations.a]\nname = \"A\"\ndomains = [\"a.fr\"]", &here()).unwrap();
    assert_eq!(place(&policy, "x@a.fr"), "a");
    assert_eq!(place(&policy, "x@b.fr"), "nobody");
    assert_eq!(place(&Policy::default(), "x@a.fr"), "nobody");
}

/// Otherwise a ministry with two servers cannot be described, or its people are refused their label.
#[test]
fn one_label_may_be_that_of_two_servers() {
    let text = "[organisations.a]\nname = \"A\"\ndomains = [\"a.fr\"]\n\
                [organisations.b]\nname = \"B\"\nlabel = \"A\"\nhomeserver = \"b.fr\"";
    let policy = Policy::parse(text, &here()).unwrap();
    let borrowed = |own| policy.borrowed_label("Jean [A]", own).map(|found| &*found.id);
    assert_eq!([borrowed(Some("a")), borrowed(Some("b")), borrowed(None)], [None, None, Some("a")]);
}

/// Otherwise administrators cannot put anybody into an organisation that has no domain of its own.
#[test]
fn an_organisation_without_rules_exists_and_is_nobodys_by_address() {
    let text = "[organisations.a]\nname = \"A\"\ndomains = [\"a.fr\"]\n\
                [organisations.cabinet]\nname = \"Cabinet\"";
    let policy = Policy::parse(text, &here()).unwrap();
    assert_eq!(policy.organisations().keys().copied().collect::<Vec<_>>(), ["a", "cabinet"]);
    assert_eq!(policy.organisations()["cabinet"].label, "Cabinet");
    assert_eq!(place(&policy, "x@cabinet.fr"), "nobody");
}

/// Otherwise a slip of the operator becomes a rule.
#[test]
fn what_cannot_be_meant_is_refused_with_its_place() {
    let organisation = |rest: &str| format!("[organisations.a]\nname = \"A\"\n{rest}");
    for (text, place) in [
        (organisation("domain = [\"a.fr\"]"), "domain"),
        (organisation("domains = [\"fr\"]"), "`fr`"),
        (organisation("domains = [\"*.fr\"]"), "`*.fr`"),
        (organisation("domains = [\"*\"]"), "`*`"),
        (organisation("domains = [\".a.fr\"]"), "`.a.fr`"),
        (organisation("domains = [\"a.*.fr\"]"), "`a.*.fr`"),
        (organisation("domains = [\".*@a.fr\"]"), "`.*@a.fr`"),
        (organisation("domains = [\"é.fr\"]"), "`é.fr`: write it in its ASCII form"),
        (organisation("domains = [\"a.fr\\n\"]"), "a.fr"),
        (organisation("addresses = [\"a@b@c.fr\"]"), "`a@b@c.fr`"),
        (organisation("domains = [\"a.fr\", \"A.fr\"]"), "`A.fr` is in a and in a"),
        (
            organisation(
                "domains = [\"a.fr\"]\n[organisations.b]\nname = \"B\"\ndomains = [\"a.fr\"]",
            ),
            "is in a and in b",
        ),
        (organisation("homeserver = \"not a server\""), "a.homeserver"),
        (organisation("url = \"javascript:alert(1)\""), "a.url"),
        (organisation("label = \"A] [B\""), "a.label"),
        (organisation("label = \"\""), "a.label"),
        (organisation("label = \"A\u{202e}B\""), "a.label"),
        (organisation("label = \"\u{200b}\""), "a.label"),
        (organisation("url = \"https://\""), "a.url"),
        ("[organisations.guests]\nname = \"G\"".into(), "organisations.guests"),
        ("[organisations.\"a b\"]\nname = \"G\"".into(), "organisations.a b"),
        ("[guests]\nname = \"G\"\ndomains = [\"a.fr\"]".into(), "guests"),
        ("[organisations.a]\n".into(), "name"),
        (String::new(), "no organisation and no guests"),
        ("# nothing yet\n[organisations]\n".into(), "no organisation and no guests"),
        (organisation("label = \"\\u202ea\""), "a.label"),
        (organisation("label = \"\\u200b\""), "a.label"),
        (organisation("label = \"In\\u2060terieur\""), "a.label"),
        (organisation("label = \"—\""), "a.label"),
        (organisation("url = \"https://\""), "a.url"),
        (organisation("url = \"https:///x\""), "a.url"),
        (organisation("url = \"https://a b.fr\""), "a.url"),
        (organisation("domains = [\"ministère.fr\"]"), "write it in its ASCII form"),
        (organisation("addresses = [\"x@ministère.fr\"]"), "write it in its ASCII form"),
        (organisation("[organisations.b]\nname = \"B\"\nlabel = \"a\""), "also a's label"),
        (organisation("[guests]\nname = \"À\""), "also a's label"),
    ] {
        let error = Policy::parse(&text, &here()).unwrap_err().to_string();
        assert!(error.contains(place), "{text}: {error}");
    }
}

/// Otherwise `--organisation` has nothing to name, and a borrowed label is not known.
#[test]
fn an_organisation_without_rules_exists() {
    let text = "[organisations.cabinet]\nname = \"Cabinet du ministre\"\nlabel = \"Cabinet\"";
    let policy = Policy::parse(text, &here()).unwrap();
    assert_eq!(policy.organisations().keys().copied().collect::<Vec<_>>(), ["cabinet"]);
    for (name, own, borrowed) in [
        ("Jean [Cabinet]", None, true),
        ("Jean [cabinet]", Some("other"), true),
        ("Jean [Cabinet du Ministre]", None, true),
        ("Jean [Cabinet]", Some("cabinet"), false),
        ("Jean Cabinet", None, false),
        ("Jean [médical]", None, false),
    ] {
        assert_eq!(policy.borrowed_label(name, own).is_some(), borrowed, "{name}");
    }
}

/// A second reading of the rules, naive on purpose.
fn naive(address: &EmailAddress) -> &'static str {
    let labels: Vec<&str> = address.domain().split('.').collect();
    if address.as_str() == "colonel@exemple.fr"
        || labels == ["gendarmerie", "interieur", "gouv", "fr"]
    {
        return "gendarmerie";
    }
    let ends =
        |rule: &[&str]| labels.len() >= rule.len() && labels[labels.len() - rule.len()..] == *rule;
    if ends(&["interieur", "gouv", "fr"]) {
        return "interieur";
    }
    if ends(&["ac-paris", "fr"]) && labels.len() > 2 { "education" } else { "guests" }
}

proptest! {
    /// P14: who is placed where equals the written table.
    #[test]
    fn the_policy_equals_a_naive_reading(
        local in "[a-z.]{1,8}|colonel",
        labels in prop::collection::vec(
            prop::sample::select(vec!["a", "interieur", "gouv", "fr", "gendarmerie", "ac-paris", "exemple", "evil", "xinterieur"]),
            1..6,
        ),
    ) {
        let text = format!("{local}@{}", labels.join("."));
        let Ok(address) = EmailAddress::parse(&text) else { return Ok(()) };
        let policy = Policy::parse(FILE, &here()).unwrap();
        prop_assert_eq!(place(&policy, &text), naive(&address), "{}", text);
    }

    /// Otherwise a hostile or broken file could stop the server.
    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Policy::parse(&text, &here());
    }
}

/// Otherwise one mailbox makes as many accounts as it likes, or an address that the operator or a
/// sponsor named is nobody's.
#[test]
fn a_mailbox_has_one_name_unless_another_was_given_to_it() {
    let file = FILE.replace("Colonel@exemple.fr", "equipe+poste@interieur.gouv.fr");
    let (policy, open) = (Policy::parse(&file, &here()).unwrap(), Policy::open(&here()));
    for (address, detailed) in [
        ("a+1@interieur.gouv.fr", true),
        ("a+@b.interieur.gouv.fr", true),
        ("+@interieur.gouv.fr", true),
        ("equipe+poste@interieur.gouv.fr", false),
        ("equipe+Autre@interieur.gouv.fr", true),
        ("a@interieur.gouv.fr", false),
        ("guest+1@anywhere.fr", false),
    ] {
        let address = EmailAddress::parse(address).unwrap();
        assert_eq!(policy.is_detailed(&address), detailed, "{address}");
    }
    assert!(open.is_detailed(&EmailAddress::parse("a+1@anywhere.fr").unwrap()));
}

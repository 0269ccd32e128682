// SPDX-License-Identifier: Apache-2.0
//! Without these a guest could come into a room of agents, a private room be without encryption,
//! or a room be opened that its members thought closed. `g` and `h` are guests, all others agents.

use super::*;
use crate::{
    email_address::EmailAddress,
    ids::{EventId, ServerName},
    json::{Strictness, parse},
    room::{CreateRoom, Decision, Preset, Signer, create, decide},
    sign::specification_key,
    third_party_invite::{key, offer},
    version::RoomVersion,
};

const GUESTS: &[&str] = &["g", "h"];

fn user(name: &str) -> UserId {
    UserId::parse(&format!("@{name}:x.fr")).unwrap()
}

fn agents() -> HashSet<UserId> {
    ["a", "b", "c", "d"].into_iter().map(user).collect()
}

fn object(text: &str) -> Object {
    let Value::Object(object) = parse(text.as_bytes(), Strictness::Tolerant).unwrap() else {
        panic!("no object: {text}")
    };
    object
}

/// A request for a room of `a`: the members of `extra` stand for those of `POST /createRoom`.
fn request(extra: &str) -> CreateRoom {
    let extra = object(extra);
    let text = |key: &str| extra.get(key).and_then(Value::as_str);
    let list = |key: &str| extra.get(key).and_then(Value::as_array).unwrap_or_default().to_vec();
    let part = |key: &str| extra.get(key).and_then(Value::as_object).cloned().unwrap_or_default();
    let address = EmailAddress::parse("p@y.fr").unwrap();
    let offers = list("invite_3pid").len();
    CreateRoom {
        creator: user("a"),
        creator_profile: Object::new(),
        version: RoomVersion::parse(text("room_version").unwrap_or("10")).unwrap(),
        preset: Preset::parse(text("preset").unwrap_or("private_chat")).unwrap(),
        name: None,
        topic: None,
        alias: None,
        invite: list("invite")
            .iter()
            .map(|id| (user(id.as_str().unwrap()), Object::new()))
            .collect(),
        invite_addresses: (0..offers)
            .map(|n| (format!("t{n}"), offer(&address, &key(&[1; 32]), "https://x.fr")))
            .collect(),
        is_direct: extra.get("is_direct").and_then(Value::as_bool).unwrap_or(false),
        creation_content: part("creation_content"),
        initial_state: part("state")
            .iter()
            .map(|(kind, content)| {
                (kind.clone(), String::new(), content.as_object().unwrap().clone())
            })
            .collect(),
        power_level_content_override: part("levels"),
        nonce: "nonce".into(),
    }
}

fn made(extra: &str, published: bool, guest_address: bool) -> Result<RoomView, Rejection> {
    let mut request = request(extra);
    complete(&mut request, published, (&agents(), guest_address))?;
    let server = ServerName::parse("x.fr").unwrap();
    let signer = Signer { server: &server, key: &specification_key() };
    Ok(create(&request, &signer, 1)?.view)
}

/// A room as it is after some commands, none of which its kind refuses.
struct Hall(RoomView);

impl Hall {
    fn new(extra: &str) -> Self {
        Self(made(extra, false, extra.contains("invite_3pid")).unwrap())
    }

    fn outside() -> Outside {
        Outside { agents: agents(), guest_address: false, published: false }
    }

    fn try_with(&mut self, command: &Command, outside: &Outside) -> Result<(), Rejection> {
        check(command, &self.0, outside)?;
        let server = ServerName::parse("x.fr").unwrap();
        let signer = Signer { server: &server, key: &specification_key() };
        if let Decision::Update(update) = decide(command, &self.0, &signer, 2)? {
            self.0 = self.0.apply(&update);
        }
        Ok(())
    }

    fn attempt(&mut self, command: &Command) -> Result<(), Rejection> {
        self.try_with(command, &Self::outside())
    }

    fn act(&mut self, command: &Command) -> &mut Self {
        self.attempt(command).unwrap_or_else(|why| panic!("{command:?}: {why}"));
        self
    }

    fn refuses(&mut self, command: &Command) {
        let told = self.attempt(command);
        assert!(matches!(told, Err(Rejection::AccessRules(_))), "{command:?}: {told:?}");
    }

    fn with(mut self, commands: &[Command]) -> Self {
        commands.iter().for_each(|command| {
            self.act(command);
        });
        self
    }
}

fn member(sender: &str, target: &str, act: MemberAct) -> Command {
    Command::Member {
        sender: user(sender),
        target: user(target),
        act,
        content: Object::new(),
        in_allowed_room: false,
    }
}

fn invite(target: &str) -> Command {
    member("a", target, MemberAct::Invite)
}

fn join(target: &str) -> Command {
    member(target, target, MemberAct::Join)
}

fn set(sender: &str, kind: &str, content: &str) -> Command {
    let (kind, content) = (kind.to_owned(), object(content));
    Command::SendState { sender: user(sender), kind, state_key: String::new(), content }
}

fn rules(content: &str) -> Command {
    set("a", KIND, content)
}

fn address() -> Command {
    let address = EmailAddress::parse("p@y.fr").unwrap();
    let content = offer(&address, &key(&[2; 32]), "https://x.fr");
    Command::InviteAddress { sender: user("a"), token: "t".into(), content }
}

fn content(view: &RoomView, kind: &str) -> Option<String> {
    let event = view.state_event(kind, "")?;
    Some(event.content_json().to_owned())
}

const PRIVATE: &str = "{}";
const OPEN_TO_GUESTS: &str = r#"{"state":{"im.vector.room.access_rules":{"rule":"unrestricted"}}}"#;
const CLEAR: &str =
    r#"{"state":{"im.vector.room.access_rules":{"force_unencrypted_at_creation":true}}}"#;
const PUBLIC: &str = r#"{"preset":"public_chat"}"#;
const DIRECT: &str = r#"{"preset":"trusted_private_chat","is_direct":true,"invite":["b"]}"#;

/// The table of kinds: what a client asks for, and what the room is.
#[test]
fn each_kind_is_made_with_all_that_it_needs() {
    let encrypted = Some(r#"{"algorithm":"m.megolm.v1.aes-sha2"}"#.to_owned());
    for (asked, published, rules, encryption, history) in [
        (PRIVATE, false, r#"{"rule":"restricted","visibility":"private"}"#, &encrypted, "invited"),
        (
            OPEN_TO_GUESTS,
            false,
            r#"{"rule":"unrestricted","visibility":"private"}"#,
            &encrypted,
            "invited",
        ),
        (
            CLEAR,
            false,
            r#"{"force_unencrypted_at_creation":true,"rule":"restricted","visibility":"private"}"#,
            &None,
            "invited",
        ),
        (PUBLIC, true, r#"{"rule":"restricted","visibility":"public"}"#, &None, "shared"),
        (PUBLIC, false, r#"{"rule":"restricted","visibility":"public"}"#, &None, "shared"),
        (DIRECT, false, r#"{"rule":"direct","visibility":"private"}"#, &encrypted, "invited"),
        (
            r#"{"creation_content":{"type":"m.space"}}"#,
            false,
            r#"{"rule":"restricted","visibility":"private"}"#,
            &None,
            "invited",
        ),
        (
            r#"{"state":{"m.room.encryption":{"algorithm":"m.megolm.v1.aes-sha2"},
                      "m.room.history_visibility":{"history_visibility":"joined"}}}"#,
            false,
            r#"{"rule":"restricted","visibility":"private"}"#,
            &encrypted,
            "joined",
        ),
    ] {
        for version in ["10", "12"] {
            let asked = asked.replacen('{', &format!(r#"{{"room_version":"{version}","#), 1);
            let asked = asked.replace(",}", "}");
            let view = made(&asked, published, false).unwrap();
            assert_eq!(content(&view, KIND).as_deref(), Some(rules), "{asked}");
            assert_eq!(content(&view, "m.room.encryption"), *encryption, "{asked}");
            assert_eq!(view.history_visibility(), history, "{asked}");
            let levels = view.power_levels();
            assert_eq!((levels.invite, levels.state_default), (50, 100), "{asked}");
            assert_eq!((levels.kick, levels.ban, levels.redact), (50, 50, 50));
            assert_eq!(levels.event("m.room.name", true), 50);
            assert_eq!(levels.event("org.matrix.msc3401.call.member", true), 0);
            assert_eq!(levels.event("m.room.message", false), 0);
        }
    }
    let both = made(DIRECT, false, false).unwrap();
    assert_eq!(both.power_levels().user(&user("b")), 100);
}

#[test]
fn a_request_that_contradicts_itself_or_its_kind_is_refused_whole() {
    let state = |content: &str, rest: &str| {
        format!(r#"{{"state":{{"im.vector.room.access_rules":{content}}}{rest}}}"#)
    };
    let invalid = [
        state(r#"{"rule":"open"}"#, ""),
        state(r#"{"rule":1}"#, ""),
        state(r#"{"rule":"direct"}"#, ""),
        state(r#"{"rule":"restricted"}"#, r#","is_direct":true"#),
        state(r#"{"visibility":"public"}"#, ""),
        state(r#"{"visibility":"private"}"#, r#","preset":"public_chat""#),
        state(r#"{"visibility":"hidden"}"#, ""),
        state(r#"{"force_unencrypted_at_creation":"yes"}"#, ""),
        r#"{"is_direct":true,"preset":"public_chat"}"#.into(),
        r#"{"is_direct":true,"invite":["b","c"]}"#.into(),
        r#"{"is_direct":true,"invite":["b"],"invite_3pid":[1]}"#.into(),
        r#"{"state":{"im.vector.room.access_rules":{"force_unencrypted_at_creation":true},
            "m.room.encryption":{"algorithm":"m.megolm.v1.aes-sha2"}}}"#
            .into(),
        r#"{"state":{"m.room.encryption":{}}}"#.into(),
    ];
    for asked in invalid {
        let told = made(&asked, false, false);
        assert!(matches!(told, Err(Rejection::AccessRulesInvalid(_))), "{asked}: {told:?}");
    }
    let unrestricted = |rest: &str| state(r#"{"rule":"unrestricted"}"#, rest);
    let forbidden = [
        (r#"{"invite":["g"]}"#.to_owned(), false),
        (
            r#"{"preset":"public_chat","state":{"m.room.encryption":{"algorithm":"m.x"}}}"#.into(),
            false,
        ),
        (r#"{"levels":{"invite":0}}"#.into(), false),
        (r#"{"levels":{"state_default":50}}"#.into(), false),
        (r#"{"levels":{"invite":"x"}}"#.into(), false),
        (unrestricted(r#","levels":{"users_default":100}"#), false),
        (unrestricted(r#","levels":{"users":{"@a:x.fr":100,"@g:x.fr":50}}"#), false),
        (unrestricted(r#","preset":"trusted_private_chat","invite":["g"]"#), false),
        (
            unrestricted(
                r#","room_version":"12","creation_content":{"additional_creators":["@g:x.fr"]}"#,
            ),
            false,
        ),
        (unrestricted(r#","preset":"public_chat""#), true),
    ];
    for (asked, published) in forbidden {
        let told = made(&asked, published, false);
        assert!(matches!(told, Err(Rejection::AccessRules(_))), "{asked}: {told:?}");
    }
    assert!(matches!(made(r#"{"invite_3pid":[1]}"#, false, true), Err(Rejection::AccessRules(_))));
    assert!(made(r#"{"invite_3pid":[1]}"#, false, false).is_ok(), "an agent's address");
    assert!(made(&unrestricted(r#","invite":["g"]"#), false, true).is_ok());
    assert!(made(r#"{"levels":{"invite":100}}"#, false, false).is_ok());
}

#[test]
fn guests_come_into_no_room_of_agents() {
    let mut hall = Hall::new(PRIVATE).with(&[invite("b"), join("b")]);
    hall.refuses(&invite("g"));
    let guest_address = Outside { guest_address: true, ..Hall::outside() };
    assert!(hall.try_with(&address(), &guest_address).is_err());
    hall.act(&address());
    let mut public = Hall::new(PUBLIC);
    public.refuses(&join("g"));
    public.act(&join("b"));
    // One who is there, from before, can speak, go and be removed.
    let open = set("a", "m.room.join_rules", r#"{"join_rule":"public"}"#);
    let nobody_is_a_guest = Outside {
        agents: GUESTS.iter().map(|name| user(name)).chain(agents()).collect(),
        ..Hall::outside()
    };
    for command in [open, join("g"), join("h")] {
        hall.try_with(&command, &nobody_is_a_guest).unwrap();
    }
    hall.act(&join("g"));
    hall.act(&member("g", "g", MemberAct::Leave));
    hall.act(&member("a", "h", MemberAct::Kick));
    hall.refuses(&join("g"));
}

#[test]
fn guests_are_let_in_by_invitation_and_have_no_power() {
    let mut hall = Hall::new(OPEN_TO_GUESTS)
        .with(&[set("a", "m.room.join_rules", r#"{"join_rule":"public"}"#), join("b")]);
    hall.refuses(&join("g"));
    hall.act(&invite("g")).act(&join("g"));
    hall.refuses(&set("a", "m.room.power_levels", r#"{"users":{"@a:x.fr":100,"@g:x.fr":1}}"#));
    hall.refuses(&set(
        "a",
        "m.room.power_levels",
        r#"{"users":{"@a:x.fr":100},"users_default":1}"#,
    ));
    hall.act(&set(
        "a",
        "m.room.power_levels",
        r#"{"users":{"@a:x.fr":100,"@g:x.fr":0,"@b:x.fr":50}}"#,
    ));
    // Whoever is not known to be an agent counts as a guest.
    hall.refuses(&set("a", "m.room.power_levels", r#"{"users":{"@a:x.fr":100,"@new:x.fr":50}}"#));
}

/// The table of changes: from which room, to what, and whether it may be.
#[test]
fn rules_change_in_one_direction_by_administrators() {
    let unrestricted = r#"{"rule":"unrestricted"}"#;
    for (from, to, allowed) in [
        (PRIVATE, unrestricted, true),
        (PRIVATE, r#"{"rule":"unrestricted","visibility":"private"}"#, true),
        (PRIVATE, r#"{"rule":"restricted"}"#, true),
        (PRIVATE, r#"{"rule":"direct"}"#, false),
        (PRIVATE, r#"{"rule":"unrestricted","visibility":"public"}"#, false),
        (PRIVATE, r#"{"rule":"unrestricted","force_unencrypted_at_creation":true}"#, false),
        (CLEAR, unrestricted, false),
        (CLEAR, r#"{"rule":"unrestricted","force_unencrypted_at_creation":true}"#, true),
        (OPEN_TO_GUESTS, r#"{"rule":"restricted"}"#, false),
        (OPEN_TO_GUESTS, "{}", false),
        (OPEN_TO_GUESTS, r#"{"rule":"unrestricted"}"#, true),
        (PUBLIC, r#"{"rule":"restricted"}"#, false),
        (PUBLIC, r#"{"rule":"restricted","visibility":"public"}"#, true),
        (DIRECT, r#"{"rule":"restricted"}"#, false),
        (DIRECT, unrestricted, false),
    ] {
        let mut hall = Hall::new(from);
        let told = hall.attempt(&rules(to));
        assert_eq!(told.is_ok(), allowed, "{from} to {to}: {told:?}");
    }
    let told = Hall::new(PRIVATE).attempt(&rules(r#"{"rule":"none"}"#));
    assert!(matches!(told, Err(Rejection::AccessRulesInvalid(_))), "{told:?}");
    let published = Outside { published: true, ..Hall::outside() };
    assert!(Hall::new(PRIVATE).try_with(&rules(unrestricted), &published).is_err());

    // Moderators do not open rooms, whatever the room's own levels say.
    let levels = r#"{"users":{"@a:x.fr":100,"@b:x.fr":50},"state_default":0}"#;
    let mut hall =
        Hall::new(PRIVATE).with(&[invite("b"), join("b"), set("a", "m.room.power_levels", levels)]);
    hall.refuses(&set("b", KIND, unrestricted));
    // Nor is a room opened in which a guest, or everybody, would have power.
    hall.act(&set("a", "m.room.power_levels", r#"{"users":{"@a:x.fr":100},"users_default":100}"#));
    hall.refuses(&rules(unrestricted));
    hall.act(&set("a", "m.room.power_levels", r#"{"users":{"@a:x.fr":100,"@g:x.fr":50}}"#));
    hall.refuses(&rules(unrestricted));
    hall.act(&set("a", "m.room.power_levels", r#"{"users":{"@a:x.fr":100}}"#));
    hall.act(&rules(unrestricted));
}

#[test]
fn a_direct_chat_is_between_two_for_ever() {
    let mut hall = Hall::new(DIRECT).with(&[join("b")]);
    hall.refuses(&invite("c"));
    hall.refuses(&address());
    hall.act(&member("b", "b", MemberAct::Leave));
    hall.refuses(&invite("c"));
    hall.act(&invite("b")).act(&join("b"));
    for kind in ["m.room.name", "m.room.avatar", "m.room.topic"] {
        hall.refuses(&set("a", kind, r#"{"name":"x"}"#));
    }
    hall.refuses(&set("a", "m.room.join_rules", r#"{"join_rule":"public"}"#));

    // An address has the second place until its invitation is taken back.
    let mut hall = Hall::new(r#"{"is_direct":true,"invite_3pid":[1]}"#);
    hall.refuses(&invite("b"));
    hall.refuses(&address());
    let proof = crate::third_party_invite::proof(&key(&[1; 32]), "x.fr", "t0", "@g:x.fr").unwrap();
    let redeem = Command::RedeemInvite {
        target: user("g"),
        token: "t0".into(),
        proof,
        content: Object::new(),
    };
    let mut redeemed = Hall(hall.0.clone());
    redeemed.act(&redeem).act(&join("g"));
    redeemed.refuses(&invite("b"));
    hall.act(&Command::EndInvite { token: "t0".into() }).act(&invite("b"));
    hall.refuses(&address());

    // A room from before the rules becomes one when there are two.
    let server = ServerName::parse("x.fr").unwrap();
    let signer = Signer { server: &server, key: &specification_key() };
    let old = |invited: &str| {
        let request = request(&format!(r#"{{"invite":{invited}}}"#));
        Hall(create(&request, &signer, 1).unwrap().view)
    };
    old(r#"["b"]"#).act(&rules(r#"{"rule":"direct"}"#));
    old(r#"["b","c"]"#).refuses(&rules(r#"{"rule":"direct"}"#));
    old(r#"["b","c"]"#).act(&rules(r#"{"rule":"unrestricted"}"#));
}

#[test]
fn encryption_and_openness_do_not_meet_and_neither_is_undone() {
    let encryption = r#"{"algorithm":"m.megolm.v1.aes-sha2"}"#;
    let join_rules =
        |word: &str| set("a", "m.room.join_rules", &format!(r#"{{"join_rule":"{word}"}}"#));
    let mut public = Hall::new(PUBLIC);
    public.refuses(&set("a", "m.room.encryption", encryption));
    public.refuses(&join_rules("invite"));
    // Access by link: the encrypted room is open and can be closed again.
    let mut link = Hall::new(PRIVATE);
    link.act(&join_rules("public")).act(&join("b"));
    link.refuses(&set("a", "m.room.encryption", encryption));
    link.act(&join_rules("invite"));
    link.refuses(&set("a", "m.room.encryption", "{}"));
    let id = |hall: &Hall, kind: &str| -> EventId {
        hall.0.state_event(kind, "").unwrap().event_id().clone()
    };
    for kind in [KIND, "m.room.encryption"] {
        let redacts = id(&link, kind);
        let command = Command::Redact {
            sender: user("a"),
            redacts,
            target_sender: Some(user("a")),
            content: Object::new(),
        };
        link.refuses(&command);
    }
    let mut clear = Hall::new(CLEAR);
    clear.act(&join_rules("public")).act(&join_rules("invite"));
    clear.act(&set("a", "m.room.encryption", encryption));
}

/// Otherwise a room that closed its doors would have open ones after an upgrade.
#[test]
fn a_replacement_has_the_same_rules() {
    let hall = Hall::new(CLEAR);
    let upgrade = crate::room::Upgrade {
        user: user("a"),
        profile: Object::new(),
        version: RoomVersion::V12,
        additional_creators: Vec::new(),
        nonce: "nonce".into(),
    };
    let server = ServerName::parse("x.fr").unwrap();
    let signer = Signer { server: &server, key: &specification_key() };
    let made = create(&upgrade.replacement(&hall.0), &signer, 3).unwrap().view;
    assert_eq!(content(&made, KIND), content(&hall.0, KIND));
}

#[test]
fn what_may_be_published() {
    for (asked, allowed) in
        [(PUBLIC, true), (PRIVATE, false), (OPEN_TO_GUESTS, false), (DIRECT, false)]
    {
        let view = made(asked, false, false).unwrap();
        assert_eq!(AccessRules::of(&view).may_be_published().is_ok(), allowed, "{asked}");
    }
    assert!(AccessRules::default().may_be_published().is_ok(), "a room from before the rules");
}

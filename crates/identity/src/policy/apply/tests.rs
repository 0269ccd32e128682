// SPDX-License-Identifier: Apache-2.0
//! Without these the policy would be a text: what it says would happen to nobody, or to the wrong
//! people.

use std::{collections::HashSet, sync::Arc};

use estafette_core::{ids::UserId, limits::POLICY_OUT_AT_START_MIN};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{AccountFlag, DirectoryQuery},
    people::{AuditPage, Person, PersonDetails},
};
use serde_json::{Value, json};

use super::Apply;
use crate::{Identity, policy, sign_up::tests::Site};

const CHANGED: &str = r#"
[organisations.important]
name = "Ministère très important"
label = "Très important"
domains = ["important.com"]

[organisations.welcomed]
name = "Bienvenue"
label = "Bienvenue"
domains = ["y.com"]

[organisations.moved]
name = "Partis"
homeserver = "moved.fr"
domains = ["moved.important.com"]
"#;

/// The same site after its operator changed the policy and started the server again.
fn restarted(site: &Site, policy: &std::path::Path) -> Arc<Identity> {
    restarted_with(site, policy, CHANGED)
}

fn restarted_with(site: &Site, policy: &std::path::Path, text: &str) -> Arc<Identity> {
    std::fs::write(policy, text).unwrap();
    let mut config = site.test.identity.config.clone();
    config.policy.file = policy.to_owned();
    let store = site.test.identity.store.clone();
    Identity::open(config, store, Arc::clone(&site.test.host) as _).unwrap()
}

async fn person(identity: &Identity, address: &str) -> Person {
    identity.store.person_by_email(address).await.unwrap().unwrap()
}

async fn name(identity: &Identity, user_id: &UserId) -> String {
    policy::shown_name(&identity.store, user_id).await.unwrap().unwrap()
}

async fn acts(identity: &Identity, subject: Option<&UserId>) -> Vec<(String, String, Value)> {
    let subject = subject.map(ToString::to_string);
    let page = AuditPage { limit: 100, subject, ..AuditPage::default() };
    let mut lines = identity.store.audit_lines(page).await.unwrap();
    lines.reverse();
    let details = |text: &str| serde_json::from_str(text).unwrap();
    lines.into_iter().map(|line| (line.actor, line.act, details(&line.details))).collect()
}

async fn found(identity: &Identity, searcher: &UserId, text: &str) -> usize {
    let query = DirectoryQuery {
        text: text.into(),
        searcher: searcher.clone(),
        limit: 10,
        visible_only: false,
        now_ms: identity.host.now_ms(),
    };
    identity.store.search_directory(query).await.unwrap().entries.len()
}

/// People as they are before the policy changes: an agent, one whose name was corrected, two whose
/// domain goes, one whose domain moves away, a guest whose domain becomes an organisation's.
async fn peopled() -> Site {
    let site = Site::start();
    let identity = &site.test.identity;
    for address in
        ["ada.agent@important.com", "bo.corrected@important.com", "cy.lost@sub.important.com"]
    {
        site.sign_up(address).await;
    }
    site.sign_up("di.gone@moved.important.com").await;
    let invited_by = UserId::parse("@ada:x.fr").unwrap();
    let until_ms = identity.host.now_ms() + 1_000_000;
    use estafette_store::IdentityStore as _;
    identity.store.invite_guest("gus.guest@y.com", &invited_by, until_ms).await.unwrap();
    site.sign_up("gus.guest@y.com").await;
    let corrected = person(identity, "bo.corrected@important.com").await.user_id;
    let chosen = Value::from("Bonaventure").to_string();
    identity.store.set_profile_field(&corrected, "displayname", Some(&chosen)).await.unwrap();
    site
}

#[tokio::test]
async fn what_the_dry_run_prints_is_done_and_nothing_else() {
    let site = peopled().await;
    let folder = tempfile::tempdir().unwrap();
    let identity = restarted(&site, &folder.path().join("policy.toml"));
    let here = identity.host.server_name();
    let printed = policy::check(&identity.policy, here, &identity.store).await.unwrap();
    let entry = identity.policy_entry();
    let dry = identity.apply_policy(&entry, Apply::DryRun).await.unwrap();
    assert_eq!((&dry.moves, dry.accounts), (&printed.moves, printed.accounts));
    assert_eq!((dry.moved, dry.unplaced, dry.complete), (5, 2, true));
    assert_eq!(acts(&identity, None).await, [], "a dry run changes nothing");
    let before = person(&identity, "gus.guest@y.com").await;
    assert!(before.details.guest);

    let ada = person(&identity, "ada.agent@important.com").await.user_id;
    assert_eq!(found(&identity, &ada, "gus").await, 0);
    assert_eq!(identity.apply_policy(&entry, Apply::Asked).await.unwrap(), dry);
    let gus = person(&identity, "gus.guest@y.com").await;
    assert_eq!(
        (gus.details.organisation_id.as_deref(), gus.details.organisation_name.as_deref()),
        (Some("welcomed"), Some("Bienvenue"))
    );
    assert!(!gus.details.guest);
    assert_eq!(name(&identity, &gus.user_id).await, "Gus Guest [Bienvenue]");
    assert_eq!(found(&identity, &ada, "gus").await, 1, "agents are found, and at once");
    assert_eq!(found(&identity, &gus.user_id, "ada").await, 1, "agents find");
    assert_eq!(name(&identity, &ada).await, "Ada Agent [Très important]");
    assert_eq!(found(&identity, &gus.user_id, "très").await, 2, "by the new words");

    let bo = person(&identity, "bo.corrected@important.com").await;
    assert_eq!(name(&identity, &bo.user_id).await, "Bonaventure", "corrected names stay");
    let moved = |renamed| {
        json!({ "from": "important", "organisation": "important", "guest": false,
                "renamed": renamed })
    };
    assert_eq!(
        acts(&identity, Some(&bo.user_id)).await,
        [("policy".into(), "account.place".into(), moved(false))]
    );
    assert_eq!(
        acts(&identity, Some(&ada)).await,
        [("policy".into(), "account.place".into(), moved(true))]
    );
    assert_eq!(acts(&identity, None).await.len(), 5, "one line for each");
    let carried: HashSet<_> = site.test.host.profiles.lock().iter().cloned().collect();
    assert!(carried.contains(&ada) && carried.contains(&gus.user_id), "rooms hear of new names");
    assert!(!carried.contains(&bo.user_id));
}

#[tokio::test]
async fn whom_the_policy_no_longer_expects_loses_the_organisation_and_nothing_else() {
    // Otherwise somebody goes on in the name of a ministry, in its directory and with an agent's
    // rights, whom nobody expects.
    let site = peopled().await;
    let folder = tempfile::tempdir().unwrap();
    let identity = restarted(&site, &folder.path().join("policy.toml"));
    let entry = identity.policy_entry();
    let ada = person(&identity, "ada.agent@important.com").await.user_id;
    assert_eq!(found(&identity, &ada, "lost").await, 1);
    let applied = identity.apply_policy(&entry, Apply::Asked).await.unwrap();
    for (address, homeserver, organisation, guest, called) in [
        ("cy.lost@sub.important.com", None, None, true, "Cy Lost"),
        (
            "di.gone@moved.important.com",
            Some("moved.fr".to_owned()),
            Some("moved"),
            false,
            "Di Gone [Partis]",
        ),
    ] {
        let listed = applied.moves.iter().find(|movement| movement.address == address).unwrap();
        assert!(listed.unplaced && listed.homeserver == homeserver, "{listed:?}");
        assert_eq!((listed.guest, listed.name.as_deref()), (guest, Some(called)));
        let now = person(&identity, address).await;
        let details = &now.details;
        assert_eq!((details.organisation_id.as_deref(), details.guest), (organisation, guest));
        assert_eq!(name(&identity, &now.user_id).await, called);
        assert!(!now.deactivated && !now.locked && !now.suspended);
        assert!(site.test.host.profiles.lock().contains(&now.user_id), "rooms hear of it");
    }
    assert_eq!(found(&identity, &ada, "lost").await, 0, "in the directory for nobody");
    let again = identity.apply_policy(&entry, Apply::Asked).await.unwrap();
    assert_eq!((again.moved, again.unplaced, again.moves.len()), (0, 2, 2), "named each time");
    // What is undone in the policy is undone.
    let before = &site.test.identity;
    before.apply_policy(&entry, Apply::Asked).await.unwrap();
    let back = person(before, "cy.lost@sub.important.com").await;
    assert_eq!(back.details.organisation_id.as_deref(), Some("important"));
    assert!(!back.details.guest);
    assert_eq!(name(before, &back.user_id).await, "Cy Lost [Important]");
    assert_eq!(found(before, &ada, "lost").await, 1);
}

/// As many people of one organisation, `@u0` and so on.
async fn agents(site: &Site, count: u64) {
    for number in 0..count {
        let user_id = site.test.account(&format!("u{number}"), "correct horse").await;
        let details = PersonDetails {
            email: Some(format!("u{number}@sub.important.com")),
            organisation_id: Some("important".into()),
            ..PersonDetails::default()
        };
        site.test.identity.store.put_person(&user_id, details).await.unwrap();
    }
}

#[tokio::test]
async fn a_mistyped_file_takes_nobody_out_of_their_organisation_at_a_start() {
    // Otherwise one wrong line and a restart put a ministry out, or among the guests.
    let with_guests = format!("{CHANGED}\n[guests]\nname = \"Invités\"\n");
    for (policy, unplaced) in [(CHANGED, true), (&with_guests, false)] {
        let site = Site::start();
        let store = &site.test.identity.store;
        agents(&site, POLICY_OUT_AT_START_MIN + 1).await;
        let folder = tempfile::tempdir().unwrap();
        let identity = restarted_with(&site, &folder.path().join("policy.toml"), policy);
        let entry = identity.policy_entry();
        let guests = async || {
            let people = store.people_after(None, 100).await.unwrap();
            people.iter().filter(|person| person.details.guest).count()
        };
        let all = POLICY_OUT_AT_START_MIN + 1;
        let held = identity.apply_policy(&entry, Apply::AtStart).await.unwrap();
        assert_eq!((held.moved, held.held_back, held.complete), (0, all, true));
        assert_eq!(held.unplaced, if unplaced { all } else { 0 });
        assert_eq!((held.moves.len() as u64, guests().await), (all, 0));
        // Few are no mistake of the file.
        let one = UserId::parse("@u0:x.fr").unwrap();
        store.deactivate_account(&one, false, 1).await.unwrap();
        let few = identity.apply_policy(&entry, Apply::AtStart).await.unwrap();
        assert_eq!((few.moved, few.held_back, few.complete), (all - 1, 0, true));
        assert_eq!(guests().await as u64, all - 1);
    }
}

#[tokio::test]
async fn a_start_makes_few_people_guests_or_another_organisations() {
    // Otherwise a deleted line makes a ministry guests, or a mistyped one strangers agents, in the
    // directory and in all rooms.
    for (policy, guests_then) in [
        ("[guests]\nname = \"Invités\"", true),
        ("[organisations.other]\nname = \"Autre\"\ndomains = [\"*.important.com\"]", false),
    ] {
        let site = Site::start();
        let store = &site.test.identity.store;
        let all = POLICY_OUT_AT_START_MIN + 1;
        agents(&site, all).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("policy.toml");
        std::fs::write(&file, policy).unwrap();
        let mut config = site.test.identity.config.clone();
        config.policy.file = file;
        let host = Arc::clone(&site.test.host) as _;
        let identity = Identity::open(config, store.clone(), host).unwrap();
        let entry = identity.policy_entry();
        let moved = async || {
            let people = store.people_after(None, 100).await.unwrap();
            let is_moved = |person: &&Person| {
                person.details.guest == guests_then
                    && person.details.organisation_id.as_deref() != Some("important")
            };
            people.iter().filter(is_moved).count() as u64
        };
        let held = identity.apply_policy(&entry, Apply::AtStart).await.unwrap();
        assert_eq!((held.moved, held.held_back, held.unplaced), (0, all, 0), "{policy}");
        assert_eq!((held.changing, held.complete), (all, true));
        assert_eq!(held.becoming_guests, if guests_then { all } else { 0 });
        assert_eq!(moved().await, 0);
        // By hand it goes through, and the dry run before it says the numbers.
        let dry = identity.apply_policy(&entry, Apply::DryRun).await.unwrap();
        assert_eq!(
            (dry.moved, dry.becoming_guests, dry.changing),
            (all, held.becoming_guests, all)
        );
        assert_eq!(identity.apply_policy(&entry, Apply::Asked).await.unwrap(), dry);
        assert_eq!(moved().await, all);
    }
}

/// Otherwise one line of the policy and a start leave a State's server without anybody who
/// administers it, and nobody notices.
#[tokio::test]
async fn a_start_keeps_the_last_administrators_and_says_so() {
    let site = peopled().await;
    let folder = tempfile::tempdir().unwrap();
    let identity = restarted(&site, &folder.path().join("policy.toml"));
    let (store, entry) = (&identity.store, identity.policy_entry());
    let cy = person(&identity, "cy.lost@sub.important.com").await.user_id;
    let ada = person(&identity, "ada.agent@important.com").await.user_id;
    let flag = async |user_id: &UserId, flag, value| {
        store.set_account_flag(user_id, flag, value).await.unwrap();
    };
    flag(&cy, AccountFlag::Admin, true).await;
    // Whoever is locked administers nothing.
    flag(&ada, AccountFlag::Admin, true).await;
    flag(&ada, AccountFlag::Locked, true).await;
    let losing = |moves: &[policy::Move]| {
        let losing = moves.iter().filter(|movement| movement.loses_admin);
        losing.map(|movement| movement.user_id.clone()).collect::<Vec<_>>()
    };
    let dry = identity.apply_policy(&entry, Apply::DryRun).await.unwrap();
    assert_eq!((losing(&dry.moves), dry.losing_admin), (vec![cy.to_string()], 1));

    let kept = identity.apply_policy(&entry, Apply::AtStart).await.unwrap();
    assert_eq!((kept.kept_admins, kept.losing_admin, kept.complete), (1, 0, true));
    assert_eq!(losing(&kept.moves), [cy.to_string()], "named as who is not where they belong");
    let now = person(&identity, "cy.lost@sub.important.com").await;
    assert!(now.admin && !now.details.guest && now.details.organisation_id.is_some());
    let told = std::mem::take(&mut *site.test.host.alerts.lock());
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(cy.as_str()) && told[0].contains("Nobody else"), "{told:?}");
    let line = ("policy".to_owned(), "account.keep_admin".to_owned(), json!({ "policy": "guest" }));
    assert_eq!(acts(&identity, Some(&cy)).await, [line]);

    // With another one there is no reason to.
    flag(&ada, AccountFlag::Locked, false).await;
    let applied = identity.apply_policy(&entry, Apply::AtStart).await.unwrap();
    assert_eq!((applied.kept_admins, applied.losing_admin), (0, 1));
    let now = person(&identity, "cy.lost@sub.important.com").await;
    assert!(!now.admin && now.details.guest);
    let told = std::mem::take(&mut *site.test.host.alerts.lock());
    assert!(told.len() == 1 && told[0].contains(cy.as_str()), "{told:?}");
    assert!(!told[0].contains("Nobody else"), "{told:?}");
    let lines: Vec<_> = acts(&identity, Some(&cy)).await.into_iter().map(|line| line.1).collect();
    assert_eq!(lines, ["account.keep_admin", "account.place", "account.unmake_admin"]);
    identity.apply_policy(&entry, Apply::AtStart).await.unwrap();
    assert_eq!(*site.test.host.alerts.lock(), [""; 0], "said once");
}

#[tokio::test]
async fn whom_an_administrator_placed_is_not_moved_back() {
    // Otherwise an exception would last until the next start.
    let site = peopled().await;
    let folder = tempfile::tempdir().unwrap();
    let identity = restarted(&site, &folder.path().join("policy.toml"));
    let cy = person(&identity, "cy.lost@sub.important.com").await;
    let mut details = cy.details.clone();
    details.organisation_fixed = true;
    identity.store.put_person(&cy.user_id, details).await.unwrap();
    let entry = identity.policy_entry();
    let applied = identity.apply_policy(&entry, Apply::Asked).await.unwrap();
    assert_eq!((applied.fixed, applied.unplaced), (1, 1));
    assert!(applied.moves.iter().all(|movement| movement.address != "cy.lost@sub.important.com"));
}

#[tokio::test]
async fn a_start_puts_the_file_into_force_unless_it_is_told_not_to() {
    let site = peopled().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.toml");
    let _ = restarted(&site, &path);
    for (apply_at_start, lines) in [(false, 0), (true, 5)] {
        let mut config = site.test.identity.config.clone();
        config.policy.file = path.clone();
        config.policy.apply_at_start = apply_at_start;
        let store = site.test.identity.store.clone();
        let identity = Identity::open(config, store, Arc::clone(&site.test.host) as _).unwrap();
        identity.apply_policy_at_start().await;
        assert_eq!(acts(&identity, None).await.len(), lines);
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Without these somebody would be found who hides, work after the end, or change without a trace.

use std::ops::Deref;

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountDataStore as _, AccountStore as _, FactKind, IdentityStore as _, PeopleStore as _,
    accounts::{
        AccountFlag, DeviceSeen, Devices, DirectoryQuery, NewAccount, NewLogin, PasswordHash,
        TokenHash, TokenPair,
    },
    identity::{AddressOutcome, GuestInvitation, NewMail, Reminder, Return},
    people::{
        AdminAct, AdminOutcome, AuditEntry, AuditPage, CreatePersonOutcome, DirectoryBudget,
        PersonDetails, PutPersonOutcome, RED_LIST,
    },
};

use crate::world::user;

struct World(crate::world::World);

impl Deref for World {
    type Target = crate::world::World;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl World {
    fn new() -> Self {
        Self(crate::world::World::new())
    }

    async fn create(&self, id: &str, name: &str, email: &str) -> UserId {
        let outcome = self.store.create_person(account(id, name), details(email)).await.unwrap();
        assert_eq!(outcome, CreatePersonOutcome::Created);
        user(id)
    }

    async fn find(&self, searcher: &UserId, text: &str) -> Vec<String> {
        let query = DirectoryQuery {
            text: text.into(),
            searcher: searcher.clone(),
            visible_only: false,
            limit: 10,
            now_ms: 1_000,
        };
        let found = self.store.search_directory(query).await.unwrap();
        found.entries.into_iter().map(|entry| entry.user_id.to_string()).collect()
    }

    async fn act(&self, subject: &str, act: AdminAct) -> AdminOutcome {
        self.store.administer(entry(), Some(subject), act).await.unwrap()
    }
}

fn entry() -> AuditEntry {
    AuditEntry { actor: "@root:x".into(), reason: Some("on request".into()), now_ms: 9 }
}

fn account(id: &str, name: &str) -> NewAccount {
    let tokens = TokenPair { access: TokenHash::of(id), expires_ms: None, refresh: None };
    let device_id = DeviceId::parse("D").unwrap();
    NewAccount {
        user_id: user(id),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some(name.into()),
        registration_token: None,
        login: Some(NewLogin { device_id, display_name: None, tokens }),
        now_ms: 7,
    }
}

fn details(email: &str) -> PersonDetails {
    PersonDetails {
        email: Some(email.into()),
        organisation_id: Some("dinum".into()),
        organisation_name: Some("Direction interministérielle du numérique".into()),
        ..PersonDetails::default()
    }
}

#[tokio::test]
async fn an_address_belongs_to_one_living_account() {
    let world = World::new();
    let store = &world.store;
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let again = store.create_person(account("@b:x", "B"), details("a@x.fr")).await.unwrap();
    assert_eq!(again, CreatePersonOutcome::EmailTaken);
    assert_eq!(store.account(&user("@b:x")).await.unwrap(), None, "nothing was written");
    let taken = store.create_person(account("@a:x", "A"), details("b@x.fr")).await.unwrap();
    assert_eq!(taken, CreatePersonOutcome::Taken);
    let known = store.person_by_email("a@x.fr").await.unwrap().unwrap();
    assert_eq!((&known.user_id, known.details.email.as_deref()), (&alice, Some("a@x.fr")));
    let bob = world.create("@b:x", "Bob", "b@x.fr").await;
    let outcome = store.put_person(&bob, details("a@x.fr")).await.unwrap();
    assert_eq!(outcome, PutPersonOutcome::EmailTaken);
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert!(store.person_by_email("a@x.fr").await.unwrap().unwrap().deactivated);
    let outcome = store.put_person(&bob, details("a@x.fr")).await.unwrap();
    assert_eq!(outcome, PutPersonOutcome::Put, "a deactivated account gives the address up");
    assert_eq!(store.person_by_email("a@x.fr").await.unwrap().unwrap().user_id, bob);
    assert_eq!(store.person(&alice).await.unwrap().unwrap().details.email, None);
    store.deactivate_account(&bob, true, 1).await.unwrap();
    assert_eq!(store.person_by_email("a@x.fr").await.unwrap(), None, "erased with the account");
}

#[tokio::test]
async fn people_are_found_by_name_organisation_and_whole_address() {
    let world = World::new();
    let me = world.create("@me:x", "Moi", "me@x.fr").await;
    world.create("@1:x", "Éloïse Martin [DINUM]", "eloise.martin@x.fr").await;
    world.create("@2:x", "Martine Élan", "m@x.fr").await;
    let find = async |text: &str| world.find(&me, text).await;
    assert_eq!(find("martin").await, ["@2:x", "@1:x"], "names that begin with it come first");
    assert_eq!(find("martin elo").await, ["@1:x"]);
    assert_eq!(find("elan").await, ["@2:x"]);
    assert_eq!(find("numerique").await, ["@1:x", "@2:x"], "by the organisation");
    assert_eq!(find("dinum el").await, ["@2:x", "@1:x"], "Élan before Éloïse");
    assert_eq!(find("Eloise.Martin@X.fr ").await, ["@1:x"]);
    for nothing in ["eloise.martin@x", "x.fr", "@x.fr", "*@x.fr", "%@x.fr"] {
        assert_eq!(find(nothing).await, Vec::<String>::new(), "{nothing}");
    }
    let mut moved = details("eloise.martin@x.fr");
    (moved.organisation_id, moved.organisation_name) = (Some("dgfip".into()), None);
    world.store.put_person(&user("@1:x"), moved).await.unwrap();
    assert_eq!(find("numerique").await, ["@2:x"]);
    assert_eq!(find("dgfip").await, ["@1:x"]);
}

#[tokio::test]
async fn who_hides_is_found_by_the_whole_address_alone() {
    let world = World::new();
    let me = world.create("@me:x", "Moi", "me@x.fr").await;
    let hidden = world.create("@1:x", "Anne Roche", "anne@x.fr").await;
    let hide = async |content: Option<&str>| {
        world.store.set_account_data(&hidden, None, RED_LIST, content, None).await.unwrap();
    };
    let find = async |text: &str| world.find(&me, text).await;
    assert_eq!(find("anne").await, ["@1:x"]);
    hide(Some(r#"{"hide_profile":true}"#)).await;
    for text in ["anne", "roche", "@1:x", "1", "dinum", "a", "anne roche", "@x.fr"] {
        assert_eq!(find(text).await, Vec::<String>::new(), "{text}");
    }
    assert_eq!(find("anne@x.fr").await, ["@1:x"]);
    // Whatever identity learns later does not undo the person's own choice.
    world.store.put_person(&hidden, details("anne@x.fr")).await.unwrap();
    world.store.set_profile_field(&hidden, "displayname", Some("\"Anna\"")).await.unwrap();
    assert_eq!(find("anna").await, Vec::<String>::new());
    // A program that loses what it does not know, or writes it in another way, shows nobody.
    for kept in [r#"{"hide_profile":null}"#, r#"{"hide_profile":1}"#, "{}", r#"{"other":false}"#] {
        hide(Some(kept)).await;
        assert_eq!(find("anna").await, Vec::<String>::new(), "{kept}");
    }
    hide(None).await;
    assert_eq!(find("anna").await, Vec::<String>::new(), "deleted");
    for hidden in [r#"{"hide_profile":"true"}"#, r#"{"hide_profile":1}"#] {
        hide(Some(r#"{"hide_profile":false}"#)).await;
        assert_eq!(find("anna").await, ["@1:x"]);
        hide(Some("{}")).await;
        assert_eq!(find("anna").await, ["@1:x"], "who was not hidden is not hidden by nothing");
        hide(Some(hidden)).await;
        assert_eq!(find("anna").await, Vec::<String>::new(), "{hidden}");
    }
}

#[tokio::test]
async fn guests_locked_expired_and_gone_accounts_are_not_found() {
    let world = World::new();
    let me = world.create("@me:x", "Moi", "me@x.fr").await;
    let guest = PersonDetails { guest: true, ..details("g@x.fr") };
    world.store.invite_guest("g@x.fr", &user("@me:x"), 8).await.unwrap();
    world.store.create_person(account("@g:x", "Guest"), guest).await.unwrap();
    let expired = PersonDetails { expires_ms: Some(1_000), ..details("e@x.fr") };
    world.store.create_person(account("@e:x", "Expired"), expired).await.unwrap();
    world.create("@l:x", "Locked", "l@x.fr").await;
    world.create("@d:x", "Gone", "d@x.fr").await;
    world.act("@l:x", AdminAct::SetFlag(AccountFlag::Locked, true)).await;
    world.act("@d:x", AdminAct::Deactivate(false)).await;
    for text in ["guest", "g@x.fr", "expired", "e@x.fr", "locked", "l@x.fr", "gone", "d@x.fr"] {
        assert_eq!(world.find(&me, text).await, Vec::<String>::new(), "{text}");
    }
    for text in ["moi", "me@x.fr", "dinum"] {
        assert_eq!(world.find(&user("@g:x"), text).await, Vec::<String>::new(), "guest: {text}");
    }
    world.act("@l:x", AdminAct::SetFlag(AccountFlag::Locked, false)).await;
    world.act("@d:x", AdminAct::Reactivate(None)).await;
    world.act("@e:x", AdminAct::SetExpiry(Some(1_001))).await;
    for (text, id) in [("locked", "@l:x"), ("gone", "@d:x"), ("expired", "@e:x")] {
        assert_eq!(world.find(&me, text).await, [id]);
    }
}

#[tokio::test]
async fn a_changed_end_of_validity_is_seen_at_once_and_told() {
    let world = World::new();
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let ends = async || {
        let session = world.store.session(&TokenHash::of("@a:x")).await.unwrap().unwrap();
        session.account_expires_ms
    };
    assert_eq!(ends().await, None);
    world.heard.0.lock().clear();
    assert_eq!(world.act("@a:x", AdminAct::SetExpiry(Some(5))).await, AdminOutcome::Done);
    assert_eq!(ends().await, Some(5));
    let heard = world.heard.0.lock().clone();
    assert!(
        heard
            .iter()
            .any(|kind| matches!(kind, FactKind::Sessions { user_id } if *user_id == alice))
    );
    assert_eq!(world.store.account(&alice).await.unwrap().unwrap().expires_ms, Some(5));
    let expiring = async |from, until| {
        let people = world.store.people_expiring(from, until, 10).await.unwrap();
        people.len()
    };
    assert_eq!((expiring(4, 5).await, expiring(5, 9).await), (1, 0));
    world.act("@a:x", AdminAct::SetExpiry(None)).await;
    assert_eq!(ends().await, None);
}

#[tokio::test]
async fn when_an_account_was_used_last_outlives_its_devices() {
    let world = World::new();
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let nid = world.store.devices(&alice).await.unwrap()[0].nid;
    for at_ms in [50, 40] {
        let seen = DeviceSeen { at_ms, ip: "192.0.2.1".into(), user_agent: None };
        world.store.note_device_use(vec![(nid, seen)]).await.unwrap();
    }
    world.act("@a:x", AdminAct::DeleteDevices(Devices::All)).await;
    world.act("@a:x", AdminAct::Deactivate(false)).await;
    let account = world.store.account(&alice).await.unwrap().unwrap();
    assert_eq!((account.created_ms, account.seen_ms), (7, Some(50)));
}

#[tokio::test]
async fn every_act_leaves_its_line_and_what_was_not_done_leaves_none() {
    let world = World::new();
    world.create("@a:x", "Alice", "a@x.fr").await;
    for (act, outcome) in [
        (AdminAct::SetFlag(AccountFlag::Locked, true), AdminOutcome::Done),
        (AdminAct::SetEmail(Some("secret.name@dgfip.fr".into())), AdminOutcome::Done),
        (AdminAct::SetPassword(None, Some(Devices::All)), AdminOutcome::Done),
        (AdminAct::Reactivate(None), AdminOutcome::NoAccount),
        (AdminAct::Deactivate(true), AdminOutcome::Done),
        (AdminAct::SetEmail(None), AdminOutcome::NoAccount),
        (AdminAct::SetPassword(None, None), AdminOutcome::NoAccount),
    ] {
        assert_eq!(world.act("@a:x", act).await, outcome);
    }
    let token = AdminAct::DeleteRegistrationToken("unknown".into());
    let outcome = world.store.administer(entry(), None, token).await.unwrap();
    assert_eq!(outcome, AdminOutcome::NoToken);
    assert_eq!(world.act("@nobody:x", AdminAct::Deactivate(false)).await, AdminOutcome::NoAccount);
    let page = AuditPage { limit: 10, ..AuditPage::default() };
    let lines = world.store.audit_lines(page.clone()).await.unwrap();
    let acts: Vec<&str> = lines.iter().map(|line| line.act.as_str()).collect();
    assert_eq!(
        acts,
        ["account.erase", "account.set_password", "account.set_email", "account.lock"]
    );
    let line = &lines[2];
    assert_eq!(
        (line.seq, line.at_ms, line.actor.as_str(), line.subject.as_deref()),
        (2, 9, "@root:x", Some("@a:x"))
    );
    assert_eq!(line.reason.as_deref(), Some("on request"));
    assert_eq!(line.details, r#"{"domain":"dgfip.fr"}"#, "no address");
    let before = AuditPage { before: Some(3), ..page.clone() };
    assert_eq!(world.store.audit_lines(before).await.unwrap().len(), 2);
    let other = AuditPage { subject: Some("@b:x".into()), ..page };
    assert_eq!(world.store.audit_lines(other).await.unwrap(), []);
}

#[tokio::test]
async fn a_changed_moved_or_missing_line_of_the_audit_log_shows() {
    let edits = [
        ("UPDATE audit SET actor = '@other:x' WHERE seq = 2", 2),
        ("UPDATE audit SET reason = NULL WHERE seq = 2", 2),
        ("UPDATE audit SET ts = ts + 1 WHERE seq = 1", 1),
        ("UPDATE audit SET subject = NULL WHERE seq = 3", 3),
        ("DELETE FROM audit WHERE seq = 2", 2),
        ("DELETE FROM audit WHERE seq = 4", 4),
        ("DELETE FROM audit", 1),
        // Two texts that together look the same.
        ("UPDATE audit SET actor = '@root:xa', act = substr(act, 2) WHERE seq = 2", 2),
        (
            "DELETE FROM audit WHERE seq = 1; UPDATE audit SET seq = 1 WHERE seq = 2;
             UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 4;
             UPDATE audit_head SET seq = 3",
            1,
        ),
    ];
    for (edit, broken) in edits {
        let world = World::new();
        world.create("@a:x", "Alice", "a@x.fr").await;
        for value in [true, false, true, false] {
            world.act("@a:x", AdminAct::SetFlag(AccountFlag::Suspended, value)).await;
        }
        let verdict = world.store.verify_audit().await.unwrap();
        assert_eq!((verdict.lines, verdict.broken), (4, None));
        let file = world.file();
        assert!(file.execute_batch("UPDATE audit SET act = 'x'").is_err(), "append-only");
        assert!(file.execute_batch("DELETE FROM audit").is_err(), "append-only");
        let replaced = "INSERT OR REPLACE INTO audit SELECT * FROM audit WHERE seq = 2";
        assert!(file.execute_batch(replaced).is_err(), "append-only");
        file.execute_batch("DROP TRIGGER audit_is_not_changed; DROP TRIGGER audit_is_not_cut")
            .unwrap();
        file.execute_batch(edit).unwrap();
        let verdict = world.store.verify_audit().await.unwrap();
        assert_eq!(verdict.broken.as_ref().map(|(seq, _)| *seq), Some(broken), "{edit}");
    }
}

#[tokio::test]
async fn budgets_are_kept_and_go_with_the_account() {
    let world = World::new();
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let budget = DirectoryBudget { tokens: 2.5, filled_ms: 7 };
    let put = vec![(alice.clone(), budget), (user("@nobody:x"), budget)];
    world.store.put_directory_budgets(put).await.unwrap();
    assert_eq!(world.store.directory_budget(&alice).await.unwrap(), Some(budget));
    world.act("@a:x", AdminAct::Deactivate(true)).await;
    assert_eq!(world.store.directory_budget(&alice).await.unwrap(), None);
}

#[tokio::test]
async fn everybody_is_walked_over_once() {
    let world = World::new();
    for (id, email) in [("@a:x", "a@x.fr"), ("@b:x", "b@x.fr"), ("@c:x", "c@x.fr")] {
        world.create(id, "Name", email).await;
    }
    world.store.create_account(account("@d:x", "No person")).await.unwrap();
    world.act("@b:x", AdminAct::Deactivate(false)).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let people = world.store.people_after(after.as_ref(), 2).await.unwrap();
        let Some(last) = people.last() else { break };
        after = Some(last.user_id.clone());
        seen.extend(people.iter().map(|person| person.user_id.to_string()));
    }
    assert_eq!(seen, ["@a:x", "@c:x", "@d:x"]);
    let counts = world.store.people_by_organisation().await.unwrap();
    assert_eq!(counts, [(None, 1), (Some("dinum".into()), 2)]);
}

#[tokio::test]
async fn an_invited_address_makes_one_account_and_no_other() {
    let world = World::new();
    let store = &world.store;
    let host = world.create("@h:x", "Host", "h@x.fr").await;
    let guest = |email: &str| PersonDetails { guest: true, ..details(email) };
    let create = async |id: &str, email: &str| {
        store.create_person(account(id, "G"), guest(email)).await.unwrap()
    };
    assert_eq!(create("@g:x", "g@y.fr").await, CreatePersonOutcome::NotInvited);
    assert_eq!(store.account(&user("@g:x")).await.unwrap(), None, "nothing was written");
    store.invite_guest("g@y.fr", &host, 7).await.unwrap();
    assert_eq!(create("@g:x", "g@y.fr").await, CreatePersonOutcome::NotInvited, "it has ended");
    store.invite_guest("g@y.fr", &host, 8).await.unwrap();
    assert_eq!(create("@g:x", "other@y.fr").await, CreatePersonOutcome::NotInvited);
    assert_eq!(create("@h:x", "g@y.fr").await, CreatePersonOutcome::Taken);
    assert!(store.is_invited("g@y.fr", 7).await.unwrap(), "an id that is taken uses nothing up");
    assert_eq!(create("@g:x", "g@y.fr").await, CreatePersonOutcome::Created);
    assert!(!store.is_invited("g@y.fr", 7).await.unwrap());
    let guest_now = store.person(&user("@g:x")).await.unwrap().unwrap();
    assert_eq!(guest_now.invited_by.as_deref(), Some("@h:x"), "who answers for the guest");
    // The erased account gives the address up, but the invitation does not come back.
    store.deactivate_account(&user("@g:x"), true, 1).await.unwrap();
    assert_eq!(create("@g2:x", "g@y.fr").await, CreatePersonOutcome::NotInvited);
}

#[tokio::test]
async fn an_invitation_and_its_line_in_the_log_are_one() {
    let world = World::new();
    let store = &world.store;
    world.create("@h:x", "Host", "h@x.fr").await;
    let invitation = |address: &str, expires_ms| GuestInvitation {
        address: address.into(),
        invited_by: "@h:x".into(),
        expires_ms,
    };
    let invite =
        |address: &str, expires_ms| AdminAct::InviteGuest(invitation(address, expires_ms), None);
    let pending = async || store.guest_invitations(9, 0, 10).await.unwrap();
    assert_eq!(world.act("@nobody:x", invite("b@y.fr", 50)).await, AdminOutcome::NoAccount);
    assert_eq!(pending().await, (Vec::new(), 0));
    assert_eq!(world.act("@h:x", invite("b@y.fr", 50)).await, AdminOutcome::Done);
    assert_eq!(world.act("@h:x", invite("b@y.fr", 60)).await, AdminOutcome::Done, "prolonged");
    let by_operator = store.administer(entry(), None, invite("a@y.fr", 10)).await.unwrap();
    assert_eq!(by_operator, AdminOutcome::Done);
    let both = vec![invitation("a@y.fr", 10), invitation("b@y.fr", 60)];
    assert_eq!(pending().await, (both.clone(), 2));
    assert_eq!(store.guest_invitations(9, 1, 10).await.unwrap(), (both[1..].to_vec(), 2));
    assert_eq!(store.guest_invitations(10, 0, 10).await.unwrap().1, 1, "a@y.fr has ended");
    let revoke = || AdminAct::RevokeGuest("b@y.fr".into());
    assert_eq!(store.administer(entry(), None, revoke()).await.unwrap(), AdminOutcome::Done);
    let again = store.administer(entry(), None, revoke()).await.unwrap();
    assert_eq!(again, AdminOutcome::NoInvitation);
    let lines = store.audit_lines(AuditPage { limit: 9, ..AuditPage::default() }).await.unwrap();
    let acts: Vec<_> = lines.iter().map(|line| (&*line.act, line.subject.as_deref())).collect();
    let sponsored = ("guest.invite", Some("@h:x"));
    assert_eq!(acts, [("guest.revoke", None), ("guest.invite", None), sponsored, sponsored]);
    assert!(!format!("{lines:?}").contains("b@y"), "an address in the log");
}

/// Otherwise somebody's change of address frees that of an account which an administrator closed,
/// or a link in the mailbox before goes on renewing the account.
#[tokio::test]
async fn an_address_changes_to_no_closed_one_and_ends_the_links_of_the_one_before() {
    let world = World::new();
    let store = &world.store;
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let ended = world.create("@b:x", "Bob", "b@x.fr").await;
    world.create("@c:x", "Carol", "c@x.fr").await;
    store.deactivate_account(&ended, false, 1).await.unwrap();
    world.act("@c:x", AdminAct::Deactivate(false)).await;
    let expiring = PersonDetails { expires_ms: Some(100), ..details("a@x.fr") };
    store.put_person(&alice, expiring).await.unwrap();
    let mail =
        NewMail { recipient: "a@x.fr".into(), sealed: b"s".to_vec(), now_ms: 1, expires_ms: 90 };
    let reminder = Reminder {
        user_id: alice.clone(),
        expires_ms: 100,
        days: 7,
        again: false,
        token: TokenHash::of("link"),
        token_expires_ms: 200,
        mail,
    };
    assert!(store.remind(reminder).await.unwrap());
    let link = || store.renewal(TokenHash::of("link"), 2);
    let changed = store.change_address(&alice, "c@x.fr", 7, None).await.unwrap();
    assert_eq!(changed, AddressOutcome::Taken, "an administrator closed it");
    let closed = store.person_by_email("c@x.fr").await.unwrap();
    assert_eq!(closed.map(|person| person.user_id), Some(user("@c:x")));
    assert!(link().await.unwrap().is_some(), "the address is the same");
    assert_eq!(store.to_remind(1, 100, 7, 10).await.unwrap().len(), 0);
    let changed = store.change_address(&alice, "b@x.fr", 7, None).await.unwrap();
    assert_eq!(changed, AddressOutcome::Changed, "its owner ended it");
    assert!(link().await.unwrap().is_none(), "a link in the mailbox before works");
    assert_eq!(store.to_remind(1, 100, 7, 10).await.unwrap().len(), 1, "the new one has none");
    // Whom an administrator does not want reminded is not, whatever else changes.
    let due = async || store.to_remind(1, 100, 7, 10).await.unwrap().len();
    world.act("@a:x", AdminAct::SetReminders(false)).await;
    world.act("@a:x", AdminAct::SetExpiry(Some(60))).await;
    let known = store.person(&alice).await.unwrap().unwrap();
    store.put_person(&alice, known.details).await.unwrap();
    assert_eq!((due().await, store.person(&alice).await.unwrap().unwrap().reminders), (0, false));
    world.act("@a:x", AdminAct::SetReminders(true)).await;
    assert_eq!(due().await, 1);
    assert_eq!(world.act("@nobody:x", AdminAct::SetReminders(true)).await, AdminOutcome::NoAccount);
}

/// Otherwise an account is taken and the mailbox that it had is never told.
#[tokio::test]
async fn an_address_changes_with_the_notice_or_not_at_all() {
    let world = World::new();
    let store = &world.store;
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    world.create("@b:x", "Bob", "b@x.fr").await;
    let notice = || {
        Some(NewMail {
            recipient: "a@x.fr".into(),
            sealed: b"s".to_vec(),
            now_ms: 1,
            expires_ms: 90,
        })
    };
    let waiting = async || store.due_mail(1, 10).await.unwrap().len();
    let changed = store.change_address(&alice, "b@x.fr", 7, notice()).await.unwrap();
    assert_eq!(changed, AddressOutcome::Taken);
    assert_eq!(waiting().await, 0, "nothing has changed");
    let trigger = "CREATE TRIGGER broken BEFORE INSERT ON outgoing_mail
                   BEGIN SELECT RAISE(ABORT, 'broken'); END";
    world.file().execute_batch(trigger).unwrap();
    assert!(store.change_address(&alice, "new@x.fr", 7, notice()).await.is_err());
    let email = async || store.person(&alice).await.unwrap().unwrap().details.email;
    assert_eq!(email().await.as_deref(), Some("a@x.fr"), "changed without the notice");
    world.file().execute_batch("DROP TRIGGER broken").unwrap();
    let changed = store.change_address(&alice, "new@x.fr", 7, notice()).await.unwrap();
    assert_eq!(changed, AddressOutcome::Changed);
    assert_eq!((email().await.as_deref(), waiting().await), (Some("new@x.fr"), 1));
    let since_ms = async || store.person(&alice).await.unwrap().unwrap().email_since_ms;
    assert_eq!(since_ms().await, 7);
    let mut details = details("new@x.fr");
    details.guest = true;
    store.put_person(&alice, details).await.unwrap();
    assert_eq!(since_ms().await, 7, "the address is the same");
}

fn back(id: &str, email: &str) -> Return {
    Return {
        user_id: user(id),
        details: PersonDetails { expires_ms: Some(77), ..details(email) },
        displayname: "Back".into(),
        password_hash: Some(PasswordHash("new".into())),
    }
}

/// Otherwise somebody whom an administrator shut out lets themselves in again by their mailbox.
#[tokio::test]
async fn only_what_its_owner_ended_comes_back_by_the_mailbox() {
    let world = World::new();
    let store = &world.store;
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let may = async || store.person(&alice).await.unwrap().unwrap().may_come_back();
    assert!(!store.bring_back(back("@a:x", "a@x.fr")).await.unwrap(), "it is not deactivated");
    world.act("@a:x", AdminAct::SetFlag(AccountFlag::Suspended, true)).await;
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert!(may().await);
    assert!(!store.bring_back(back("@a:x", "b@x.fr")).await.unwrap(), "another mailbox");
    assert!(store.bring_back(back("@a:x", "a@x.fr")).await.unwrap());
    let account_now = store.account(&alice).await.unwrap().unwrap();
    assert_eq!(account_now.password_hash, Some(PasswordHash("new".into())));
    assert_eq!((account_now.expires_ms, account_now.deactivated), (Some(77), false));
    assert!(account_now.suspended, "the way back lifted a suspension");
    let name = store.profile(&alice).await.unwrap().unwrap();
    assert_eq!(name, [("displayname".into(), "\"Back\"".into())]);
    // An administrator's word stays, also about one that its owner had ended before.
    store.deactivate_account(&alice, false, 1).await.unwrap();
    world.act("@a:x", AdminAct::Deactivate(false)).await;
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert!(!may().await);
    assert!(!store.bring_back(back("@a:x", "a@x.fr")).await.unwrap());
    let anew = store.create_person(account("@b:x", "B"), details("a@x.fr")).await.unwrap();
    assert_eq!(anew, CreatePersonOutcome::Closed, "or by a new account");
    world.act("@a:x", AdminAct::Reactivate(None)).await;
    world.act("@a:x", AdminAct::SetFlag(AccountFlag::Locked, true)).await;
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert!(!store.bring_back(back("@a:x", "a@x.fr")).await.unwrap(), "it is locked");
    world.act("@a:x", AdminAct::Reactivate(None)).await;
    let account_now = store.account(&alice).await.unwrap().unwrap();
    assert!(account_now.locked, "a way back lifted a lock");
}

/// Otherwise ending one's account and coming back undoes what an administrator said, and a guest
/// is back whom nobody invited again.
#[tokio::test]
async fn the_way_back_keeps_an_administrators_word_and_takes_a_guests_invitation() {
    let world = World::new();
    let store = &world.store;
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let placed = PersonDetails {
        organisation_id: Some("placed".into()),
        organisation_name: Some("Placed".into()),
        guest: true,
        organisation_fixed: true,
        endless: true,
        ..details("a@x.fr")
    };
    store.put_person(&alice, placed.clone()).await.unwrap();
    store.deactivate_account(&alice, false, 1).await.unwrap();
    assert!(!store.bring_back(back("@a:x", "a@x.fr")).await.unwrap(), "not invited");
    assert!(store.person(&alice).await.unwrap().unwrap().deactivated);
    store.invite_guest("a@x.fr", &alice, 50).await.unwrap();
    assert!(store.bring_back(back("@a:x", "a@x.fr")).await.unwrap());
    assert_eq!(store.person(&alice).await.unwrap().unwrap().details, placed);
    assert!(!store.is_invited("a@x.fr", 1).await.unwrap(), "an invitation is there again");
}

/// Otherwise a failure in the middle leaves an account that is back without its owner's data.
#[tokio::test]
async fn a_way_back_that_fails_in_the_middle_leaves_nothing() {
    let world = World::new();
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    world.store.deactivate_account(&alice, false, 1).await.unwrap();
    let before = world.store.account(&alice).await.unwrap();
    for (table, what) in [("person", "UPDATE"), ("profile_field", "INSERT")] {
        let trigger = format!(
            "CREATE TRIGGER broken BEFORE {what} ON {table}
             BEGIN SELECT RAISE(ABORT, 'broken'); END"
        );
        world.file().execute_batch(&trigger).unwrap();
        assert!(world.store.bring_back(back("@a:x", "a@x.fr")).await.is_err(), "{table}");
        assert_eq!(world.store.account(&alice).await.unwrap(), before, "{table}");
        assert_eq!(world.store.person(&alice).await.unwrap().unwrap().details.expires_ms, None);
        world.file().execute_batch("DROP TRIGGER broken").unwrap();
    }
    assert!(world.store.bring_back(back("@a:x", "a@x.fr")).await.unwrap());
}

/// Otherwise an administrator's request is done in part, and nobody knows which.
#[tokio::test]
async fn several_acts_are_done_together_or_not_at_all() {
    let world = World::new();
    let store = &world.store;
    let alice = world.create("@a:x", "Alice", "a@x.fr").await;
    let token = TokenHash::of("token");
    let pair = TokenPair { access: token, expires_ms: None, refresh: None };
    let device_id = DeviceId::parse("D").unwrap();
    let login = NewLogin { device_id, display_name: None, tokens: pair };
    store.log_in(&alice, login, 1).await.unwrap();
    let before = store.account(&alice).await.unwrap();
    let heard = world.heard.0.lock().len();
    let large = "x".repeat(estafette_core::limits::PROFILE_BYTES_MAX);
    let all = async |last: AdminAct| {
        let hash = Some(PasswordHash("new".into()));
        let acts = vec![
            AdminAct::SetPassword(hash, Some(Devices::All)),
            AdminAct::SetFlag(AccountFlag::Locked, true),
            AdminAct::SetFlag(AccountFlag::Admin, true),
            last,
        ];
        store.administer_all(entry(), Some("@a:x"), acts).await.unwrap()
    };
    let lines = async || {
        let page = AuditPage { limit: 9, ..AuditPage::default() };
        store.audit_lines(page).await.unwrap().len()
    };
    for (last, outcome) in [
        (AdminAct::SetProfileField("x".into(), Some(large)), AdminOutcome::TooLarge),
        (AdminAct::Reactivate(None), AdminOutcome::NoAccount),
        (AdminAct::RevokeGuest("nobody@y.fr".into()), AdminOutcome::NoInvitation),
    ] {
        assert_eq!(all(last).await, outcome);
        assert_eq!(store.account(&alice).await.unwrap(), before);
        assert!(store.session(&token).await.unwrap().is_some(), "a session ended");
        assert_eq!((lines().await, world.heard.0.lock().len()), (0, heard));
    }
    assert_eq!(all(AdminAct::SetExpiry(Some(9))).await, AdminOutcome::Done);
    let now = store.account(&alice).await.unwrap().unwrap();
    assert!(now.locked && now.is_admin && now.expires_ms == Some(9));
    assert!(store.session(&token).await.unwrap().is_none());
    assert_eq!((lines().await, store.verify_audit().await.unwrap().broken), (4, None));
}

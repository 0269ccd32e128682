// SPDX-License-Identifier: Apache-2.0
//! Without these a mail could go out for an invitation that is nowhere, an invitation be used
//! twice or for ever, or a guest sign up whom nobody waits for any more.

use std::sync::Arc;

use estafette_core::{
    email_address::EmailAddress,
    ids::UserId,
    limits::{INVITATION_MAILS_PER_ADDRESS, INVITATION_MAILS_PER_SENDER},
    room::Command,
    third_party_invite::{key, offer},
};
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _, RoomStore as _,
    ThirdPartyInviteStore as _,
    accounts::NewAccount,
    fact::NoSink,
    identity::NewMail,
    people::{AdminAct, AuditEntry, CreatePersonOutcome, PersonDetails},
    rooms::RoomOutcome,
    sqlite::{SqliteOptions, SqliteStore},
    third_party_invites::{InviteSeed, NewThirdPartyInvite},
};

use crate::rooms::Hall;

const ALICE: &str = "@alice:x.fr";

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// `seed` stands for the token too.
fn invitation(seed: u8, address: &str, guest: bool, expires_ms: i64) -> NewThirdPartyInvite {
    NewThirdPartyInvite {
        token: format!("token{seed}"),
        sender: user(ALICE),
        address: address.into(),
        seed: InviteSeed([seed; 32]),
        public_key: key(&[seed; 32]).public_base64(),
        is_direct: false,
        guest,
        mail: NewMail { recipient: address.into(), sealed: b"s".to_vec(), now_ms: 0, expires_ms },
        now_ms: 0,
        expires_ms,
    }
}

/// Writes an invitation with its event.
async fn invite(hall: &mut Hall, new: NewThirdPartyInvite) {
    let address = EmailAddress::parse(&new.address).unwrap();
    let command = Command::InviteAddress {
        sender: new.sender.clone(),
        token: new.token.clone(),
        content: offer(&address, &key(&new.seed.0), "https://x.fr/valid"),
    };
    let update = hall.decide(&command);
    let mut commit = hall.commit(&update, None);
    commit.invitations = vec![new];
    assert_eq!(hall.store.commit_room(commit).await.unwrap(), RoomOutcome::Committed);
    hall.view = hall.view.apply(&update);
}

async fn end(hall: &mut Hall, seed: u8) {
    hall.run(Command::EndInvite { token: format!("token{seed}") }, None).await;
}

async fn account(store: &SqliteStore, id: &str, email: &str, guest: bool) -> CreatePersonOutcome {
    let account = NewAccount {
        user_id: user(id),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: None,
        registration_token: None,
        login: None,
        now_ms: 1,
    };
    let details = PersonDetails { email: Some(email.into()), guest, ..PersonDetails::default() };
    store.create_person(account, details).await.unwrap()
}

async fn redeemable(store: &SqliteStore, who: Option<&str>, now_ms: i64) -> Vec<String> {
    let who = who.map(user);
    let found = store.redeemable_invites(who.as_ref(), now_ms, 0, 10).await.unwrap();
    found.iter().map(|found| format!("{} {}", found.invite.token, found.user_id)).collect()
}

#[tokio::test]
async fn an_invitation_its_mail_and_its_event_are_one_and_outlive_a_restart() {
    let mut hall = Hall::open().await;
    invite(&mut hall, invitation(1, "p@y.fr", false, 100)).await;
    // A second one with the same token fails as a whole: no mail, no event.
    let update = hall.decide(&Command::EndInvite { token: "token1".into() });
    let mut commit = hall.commit(&update, None);
    commit.invitations =
        vec![invitation(2, "q@y.fr", false, 100), invitation(2, "r@y.fr", false, 100)];
    assert!(hall.store.commit_room(commit).await.is_err());
    let Hall { store, folder, view, .. } = hall;
    drop(store);
    let options = SqliteOptions::new(folder.path().join("db"));
    let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
    let mails = store.due_mail(50, 10).await.unwrap();
    assert_eq!(mails.iter().map(|mail| &*mail.recipient).collect::<Vec<_>>(), ["p@y.fr"]);
    let known = store.third_party_invite(view.room_id(), "p@y.fr", 99).await.unwrap().unwrap();
    assert_eq!((known.token.as_str(), known.sender.as_str()), ("token1", ALICE));
    assert_eq!(known.seed, InviteSeed([1; 32]));
    assert_eq!(store.third_party_invites_in(view.room_id()).await.unwrap(), 1);
    assert!(!format!("{known:?}").contains("1, 1"), "the key is printed");
    assert!(store.is_invite_key_valid(&key(&[1; 32]).public_base64(), 99).await.unwrap());
    assert!(!store.is_invite_key_valid(&key(&[1; 32]).public_base64(), 100).await.unwrap());
    assert!(!store.is_invite_key_valid(&key(&[2; 32]).public_base64(), 99).await.unwrap());
    assert!(store.third_party_invite(view.room_id(), "p@y.fr", 100).await.unwrap().is_none());
}

#[tokio::test]
async fn it_is_redeemable_from_the_account_until_its_event_is_replaced() {
    let mut hall = Hall::open().await;
    invite(&mut hall, invitation(1, "p@y.fr", false, 100)).await;
    invite(&mut hall, invitation(2, "q@y.fr", false, 100)).await;
    assert_eq!(redeemable(&hall.store, None, 50).await, Vec::<String>::new());
    account(&hall.store, "@p:x.fr", "p@y.fr", false).await;
    for who in [None, Some("@p:x.fr")] {
        assert_eq!(redeemable(&hall.store, who, 99).await, ["token1 @p:x.fr"]);
        assert!(redeemable(&hall.store, who, 100).await.is_empty(), "it has ended");
    }
    assert!(redeemable(&hall.store, Some(ALICE), 99).await.is_empty());
    // Another address of the same account counts from then on.
    hall.store.change_address(&user("@p:x.fr"), "q@y.fr", 7, None).await.unwrap();
    assert_eq!(redeemable(&hall.store, None, 99).await, ["token2 @p:x.fr"]);
    end(&mut hall, 2).await;
    assert!(redeemable(&hall.store, None, 99).await.is_empty());
    hall.store.change_address(&user("@p:x.fr"), "p@y.fr", 7, None).await.unwrap();
    hall.store.deactivate_account(&user("@p:x.fr"), false, 1).await.unwrap();
    assert!(redeemable(&hall.store, None, 99).await.is_empty(), "the account is gone");
    let ended = hall.store.ended_invites(100, 0, 10).await.unwrap();
    assert_eq!(ended.iter().map(|ended| &*ended.token).collect::<Vec<_>>(), ["token1"]);
    assert!(hall.store.ended_invites(99, 0, 10).await.unwrap().is_empty());
    hall.store.forget_invite("token1").await.unwrap();
    assert!(hall.store.ended_invites(100, 0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_guest_signs_up_by_it_and_not_after_it_was_taken_back() {
    let mut hall = Hall::open().await;
    let invited = async |hall: &Hall| hall.store.is_invited("g@y.fr", 50).await.unwrap();
    invite(&mut hall, invitation(1, "g@y.fr", true, 100)).await;
    invite(&mut hall, invitation(2, "g@y.fr", true, 90)).await;
    let (pending, _) = hall.store.guest_invitations(50, 0, 10).await.unwrap();
    assert_eq!((pending[0].invited_by.as_str(), pending[0].expires_ms), (ALICE, 100));
    end(&mut hall, 1).await;
    assert!(invited(&hall).await, "the second one goes on");
    let (pending, _) = hall.store.guest_invitations(50, 0, 10).await.unwrap();
    assert_eq!(pending[0].expires_ms, 90);
    assert!(hall.store.is_awaited("g@y.fr", 50).await.unwrap());
    end(&mut hall, 2).await;
    assert!(!invited(&hall).await);
    assert!(!hall.store.is_awaited("g@y.fr", 50).await.unwrap());
    let refused = account(&hall.store, "@g:x.fr", "g@y.fr", true).await;
    assert_eq!(refused, CreatePersonOutcome::NotInvited);

    // What an administrator gave stays when an invitation to a room ends.
    hall.store.invite_guest("g@y.fr", &user("@admin:x.fr"), 60).await.unwrap();
    invite(&mut hall, invitation(3, "g@y.fr", true, 100)).await;
    end(&mut hall, 3).await;
    assert!(invited(&hall).await);
    // And what an administrator takes back ends both.
    invite(&mut hall, invitation(4, "g@y.fr", true, 100)).await;
    let entry = AuditEntry { actor: "operator".into(), reason: None, now_ms: 50 };
    hall.store.administer(entry, None, AdminAct::RevokeGuest("g@y.fr".into())).await.unwrap();
    assert!(!hall.store.is_awaited("g@y.fr", 50).await.unwrap());
    assert_eq!(hall.store.ended_invites(50, 0, 10).await.unwrap().len(), 1);

    invite(&mut hall, invitation(5, "h@y.fr", true, 100)).await;
    assert_eq!(account(&hall.store, "@h:x.fr", "h@y.fr", true).await, CreatePersonOutcome::Created);
    assert_eq!(redeemable(&hall.store, None, 50).await, ["token5 @h:x.fr"]);
}

#[tokio::test]
async fn nobody_mails_everybody_and_no_mailbox_is_flooded() {
    let hall = Hall::open().await;
    let count = async |sender: &str, address: &str, now_ms| {
        hall.store.count_invitation_mail(&user(sender), address, now_ms).await.unwrap()
    };
    for n in 0..INVITATION_MAILS_PER_ADDRESS {
        assert!(count(&format!("@s{n}:x.fr"), "p@y.fr", 10).await);
    }
    assert!(!count("@other:x.fr", "p@y.fr", 11).await);
    for n in 0..INVITATION_MAILS_PER_SENDER {
        assert!(count(ALICE, &format!("n{n}@y.fr"), 12).await);
    }
    assert!(!count(ALICE, "last@y.fr", 12).await);
    let day_ms = 24 * 60 * 60 * 1000;
    assert!(!count(ALICE, "last@y.fr", 11 + day_ms).await);
    assert!(count(ALICE, "last@y.fr", 12 + day_ms).await);
}

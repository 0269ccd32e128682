// SPDX-License-Identifier: Apache-2.0
//! Without these an invitation by e-mail could come twice, in a wrong name, or from somebody who
//! may not invite any more.

use super::*;
use crate::{
    auth::AuthError,
    email_address::EmailAddress,
    ids::ServerName,
    room::{Command, CreateRoom, MemberAct, Preset, create, decide},
    sign::specification_key,
    third_party_invite::{key, offer, proof},
    version::RoomVersion,
};

const TOKEN: &str = "token";

fn user(name: &str) -> UserId {
    UserId::parse(&format!("@{name}:x.fr")).unwrap()
}

fn offered() -> Object {
    let address = EmailAddress::parse("guest@y.fr").unwrap();
    offer(&address, &key(&[7; 32]), "https://x.fr/isvalid")
}

/// The room of `a`, in which `b` is and `guest@y.fr` is invited.
struct Hall {
    view: RoomView,
    server: ServerName,
}

impl Hall {
    fn new(version: RoomVersion) -> Self {
        let server = ServerName::parse("x.fr").unwrap();
        let request = CreateRoom {
            creator: user("a"),
            creator_profile: Object::new(),
            version,
            preset: Preset::Private,
            name: None,
            topic: None,
            alias: None,
            invite: vec![(user("b"), Object::new())],
            invite_addresses: vec![(TOKEN.into(), offered())],
            is_direct: false,
            creation_content: Object::new(),
            initial_state: Vec::new(),
            power_level_content_override: Object::new(),
            nonce: "nonce".into(),
        };
        let signer = Signer { server: &server, key: &specification_key() };
        let view = create(&request, &signer, 1).unwrap().view;
        let mut hall = Self { view, server };
        hall.act(&member("b", "b", MemberAct::Join)).unwrap();
        hall
    }

    /// Decides a command and takes what comes of it. The kinds of the new events.
    fn act(&mut self, command: &Command) -> Result<Vec<String>, Rejection> {
        let signer = Signer { server: &self.server, key: &specification_key() };
        let Decision::Update(update) = decide(command, &self.view, &signer, 2)? else {
            panic!("unchanged")
        };
        self.view = self.view.apply(&update);
        let member = |event: &Event| event.membership().map_or("", |now| now.as_str());
        let told = update.events.iter().map(|new| {
            format!("{} {} {}", new.event.sender(), new.event.kind(), member(&new.event))
        });
        Ok(told.collect())
    }

    fn is_pending(&self) -> bool {
        pending(&self.view, TOKEN).is_ok()
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

fn redeem(seed: u8, token: &str, mxid: &str) -> Command {
    Command::RedeemInvite {
        target: user("guest"),
        token: TOKEN.into(),
        proof: proof(&key(&[seed; 32]), "x.fr", token, &format!("@{mxid}:x.fr")).unwrap(),
        content: Object::from([("displayname".into(), "G".into())]),
    }
}

fn levels(content: &str) -> Command {
    let parsed = crate::json::parse(content.as_bytes(), crate::json::Strictness::Tolerant);
    let Value::Object(content) = parsed.unwrap() else { panic!("no object") };
    let (kind, state_key) = ("m.room.power_levels".to_owned(), String::new());
    Command::SendState { sender: user("a"), kind, state_key, content }
}

#[test]
fn whoever_proves_the_address_is_invited_once_in_the_name_of_the_inviter() {
    for version in RoomVersion::all() {
        let mut hall = Hall::new(version);
        let done = hall.act(&redeem(7, TOKEN, "guest")).unwrap();
        let expected = ["@a:x.fr m.room.member invite", "@a:x.fr m.room.third_party_invite "];
        assert_eq!(done, expected, "{version:?}");
        assert_eq!(hall.view.membership(&user("guest")), Some(Membership::Invite));
        assert!(!hall.is_pending(), "what was used can be used again");
        assert_eq!(hall.act(&redeem(7, TOKEN, "guest")), Err(Rejection::InvitationEnded));
        assert!(hall.act(&member("guest", "guest", MemberAct::Join)).is_ok());
    }
}

#[test]
fn nobody_else_gets_in_by_it() {
    for (seed, token, mxid) in [(8, TOKEN, "guest"), (7, "other", "guest"), (7, TOKEN, "b")] {
        let mut hall = Hall::new(RoomVersion::V12);
        let refused = hall.act(&redeem(seed, token, mxid)).unwrap_err();
        assert_eq!(refused, Rejection::Auth(AuthError::ThirdPartyInvite));
        assert!(hall.is_pending() && hall.view.membership(&user("guest")).is_none());
    }
    let mut hall = Hall::new(RoomVersion::V12);
    hall.act(&member("a", "guest", MemberAct::Ban)).unwrap();
    let refused = hall.act(&redeem(7, TOKEN, "guest")).unwrap_err();
    assert_eq!(refused, Rejection::Auth(AuthError::Banned));
}

#[test]
fn an_inviter_who_left_or_lost_the_right_brings_nobody_in() {
    let mut left = Hall::new(RoomVersion::V10);
    left.act(&member("a", "a", MemberAct::Leave)).unwrap();
    let refused = left.act(&redeem(7, TOKEN, "guest")).unwrap_err();
    assert_eq!(refused, Rejection::Auth(AuthError::SenderNotJoined));

    let mut hall = Hall::new(RoomVersion::V10);
    hall.act(&levels(r#"{"users":{"@a:x.fr":100,"@b:x.fr":100},"invite":60}"#)).unwrap();
    hall.act(&levels(r#"{"users":{"@a:x.fr":50,"@b:x.fr":100},"invite":60}"#)).unwrap();
    let refused = hall.act(&redeem(7, TOKEN, "guest")).unwrap_err();
    assert_eq!(refused, Rejection::Auth(AuthError::PowerLevel));
    assert_eq!(hall.view.membership(&user("guest")), None);
}

#[test]
fn who_is_there_already_is_not_invited_again_and_the_offer_ends() {
    let mut hall = Hall::new(RoomVersion::V12);
    hall.act(&member("b", "guest", MemberAct::Invite)).unwrap();
    let done = hall.act(&redeem(7, TOKEN, "guest")).unwrap();
    assert_eq!(done, ["@a:x.fr m.room.third_party_invite "]);
    assert!(!hall.is_pending());
}

#[test]
fn only_whoever_may_invite_offers_and_an_offer_ends_once() {
    let mut hall = Hall::new(RoomVersion::V12);
    let invite = |sender: &str| Command::InviteAddress {
        sender: user(sender),
        token: "second".into(),
        content: offered(),
    };
    assert!(hall.act(&invite("stranger")).is_err());
    assert!(hall.act(&invite("b")).is_ok());
    let end = || Command::EndInvite { token: TOKEN.into() };
    assert_eq!(hall.act(&end()).unwrap(), ["@a:x.fr m.room.third_party_invite "]);
    assert_eq!(hall.act(&end()), Err(Rejection::InvitationEnded));
    assert_eq!(hall.act(&redeem(7, TOKEN, "guest")), Err(Rejection::InvitationEnded));
}

// SPDX-License-Identifier: Apache-2.0
//! Without these a member's act could be refused that is allowed, or break the room's graph.

use super::*;
use crate::{
    auth::{AuthError, tests::room_text},
    event::{DraftError, KeyLookup, RawPdu},
    ids::ServerName,
    json::{Strictness, parse},
    limits::{EVENT_BYTES_MAX, INTEGER_MAX},
    sign::specification_key,
    version::RoomVersion,
};

/// `alice` has 100, `bob` 50, `carol` 0, all of x.fr; `dave@y.fr` is there too.
const ROOM: &str = r#"alice create
    alice join
    bob join
    carol join
    dave@y.fr join
    alice levels {"users":{"alice":100,"bob":50},"events":{"m.room.topic":0}}
"#;

/// A room from a text, see [`room_text`].
fn room(version: RoomVersion, lines: &str) -> RoomView {
    let lines = room_text::lines(version, &format!("{ROOM}{lines}"));
    let room = room_text::room(version, &lines);
    let end = EventId::parse("$end:x.fr").unwrap();
    let state = room.state.into_values().map(Arc::new);
    RoomView::load(version, room.room_id, state, [(end, 7)]).unwrap()
}

fn user(name: &str) -> UserId {
    room_text::user(name)
}

fn object(text: &str) -> Object {
    match parse(text.as_bytes(), Strictness::Tolerant).unwrap() {
        Value::Object(object) => object,
        _ => panic!("no object"),
    }
}

fn decided(view: &RoomView, command: &Command) -> Result<Decision, Rejection> {
    let server = ServerName::parse("x.fr").unwrap();
    decide(command, view, &Signer { server: &server, key: &specification_key() }, 42)
}

fn update(view: &RoomView, command: &Command) -> RoomUpdate {
    match decided(view, command).unwrap() {
        Decision::Update(update) => update,
        Decision::Unchanged(id) => panic!("unchanged: {id}"),
    }
}

fn send(sender: &str, content: &str) -> Command {
    let kind = "m.room.message".to_owned();
    Command::Send { sender: user(sender), kind, content: object(content) }
}

fn act(sender: &str, target: &str, act: MemberAct) -> Command {
    Command::Member {
        sender: user(sender),
        target: user(target),
        act,
        content: object(r#"{"reason":"r","join_authorised_via_users_server":"@x:y"}"#),
        in_allowed_room: false,
    }
}

fn redact(sender: &str, target_sender: Option<&str>) -> Command {
    Command::Redact {
        sender: user(sender),
        redacts: EventId::parse("$target:x.fr").unwrap(),
        target_sender: target_sender.map(user),
        content: object(r#"{"reason":"r"}"#),
    }
}

struct Ours;

impl KeyLookup for Ours {
    fn public_key(&self, server: &str, _: &str, _: Option<i64>) -> Option<Vec<u8>> {
        use base64::Engine as _;
        let public = specification_key().public_base64();
        (server == "x.fr").then(|| crate::sign::BASE64.decode(public).unwrap())
    }
}

#[test]
fn what_is_sent_passes_every_check_of_another_server() {
    for version in RoomVersion::all() {
        let view = room(version, "");
        for command in [
            send("carol", r#"{"body":"x"}"#),
            redact("carol", Some("carol")),
            act("bob", "eve", MemberAct::Invite),
            act("bob", "carol", MemberAct::Ban),
            act("carol", "carol", MemberAct::Leave),
        ] {
            let update = update(&view, &command);
            let event = &update.events[0].event;
            let raw = RawPdu::parse(event.json().as_bytes(), version).unwrap();
            assert_eq!(raw.event_id(), event.event_id());
            let checked = raw.check(&Ours).unwrap();
            assert!(!checked.redacted);
            assert_eq!((event.depth(), event.origin_server_ts()), (8, 42));
            assert_eq!(event.prev_events()[0].as_str(), "$end:x.fr");
            // The auth events are those of the selection, and allow it by themselves.
            let selected = auth_types(&Candidate::of(event), view.rules());
            let auth: Vec<_> = selected
                .into_iter()
                .filter_map(|(kind, key)| view.state_event(kind, key))
                .collect();
            assert!(event.auth_events().iter().eq(auth.iter().map(|event| event.event_id())));
            let each = auth.iter().map(|event| (&***event, false));
            let candidate = Candidate::of(event);
            assert_eq!(crate::auth::check_auth_events(&candidate, each, view.rules()), Ok(()));
            let end = &update.forward_extremities[..];
            assert_eq!(end, [Extremity { event_id: event.event_id().clone(), depth: 8 }]);
        }
    }
}

#[test]
fn refusals_name_the_rule() {
    let view = room(RoomVersion::V11, "");
    let auth = |error| Some(Rejection::Auth(error));
    assert_eq!(decided(&view, &send("eve", "{}")).err(), auth(AuthError::SenderNotJoined));
    let state = |kind: &str, key: &str| Command::SendState {
        sender: user("carol"),
        kind: kind.to_owned(),
        state_key: key.to_owned(),
        content: Object::new(),
    };
    assert_eq!(decided(&view, &state("t", "")).err(), auth(AuthError::PowerLevel));
    assert!(decided(&view, &state("m.room.topic", "")).is_ok());
    let create = decided(&view, &state("m.room.create", "")).err();
    assert_eq!(create, auth(AuthError::CreateHasPrevEvents));
    let foreign = decided(&view, &send("dave@y.fr", "{}")).err();
    assert_eq!(foreign, Some(Rejection::Draft(DraftError::ForeignSender)));
    let float = decided(&view, &send("carol", r#"{"x":1.5}"#)).err();
    assert_eq!(float, Some(Rejection::Draft(DraftError::NotCanonical)));
    let large = format!(r#"{{"body":"{}"}}"#, "x".repeat(EVENT_BYTES_MAX));
    let large = decided(&view, &send("carol", &large)).err();
    assert_eq!(large, Some(Rejection::Draft(DraftError::TooLarge)));
    let mut topic = state("m.room.topic", &"x".repeat(256));
    let long = decided(&view, &topic).err();
    assert_eq!(long, Some(Rejection::Draft(DraftError::FieldTooLong("state_key"))));
    topic = state("m.room.topic", &"x".repeat(255));
    assert!(decided(&view, &topic).is_ok());
    let kind =
        Command::Send { sender: user("carol"), kind: "t".repeat(256), content: Object::new() };
    let long = decided(&view, &kind).err();
    assert_eq!(long, Some(Rejection::Draft(DraftError::FieldTooLong("type"))));
}

#[test]
fn redactions() {
    for version in RoomVersion::all() {
        let view = room(version, "");
        assert!(decided(&view, &redact("carol", Some("carol"))).is_ok());
        for other in [Some("bob"), None] {
            let refused = decided(&view, &redact("carol", other)).err();
            assert_eq!(refused, Some(Rejection::MayNotRedact), "{version}");
            assert!(decided(&view, &redact("bob", other)).is_ok());
        }
        let event = &update(&view, &redact("bob", None)).events[0].event;
        assert_eq!(event.redacts().unwrap().as_str(), "$target:x.fr");
        assert_eq!(event.content()["reason"].as_str(), Some("r"));
        let in_content = event.content().contains_key("redacts");
        assert_eq!(in_content, version.rules().redacts_in_content);
        assert_eq!(event.json().matches("$target").count(), 1);
    }
}

#[test]
fn restricted_joins_find_somebody_to_vouch() {
    let restricted = r#"alice rule restricted {"allow":[{"type":"m.room_membership","room_id":"!s:x.fr"},{"type":"x"},{"type":"m.room_membership"}]}"#;
    let join = |in_allowed_room| Command::Member {
        sender: user("eve"),
        target: user("eve"),
        act: MemberAct::Join,
        content: Object::new(),
        in_allowed_room,
    };
    let via = |view: &RoomView| {
        let update = update(view, &join(true));
        let content = update.events[0].event.content().clone();
        content["join_authorised_via_users_server"].as_str().unwrap().to_owned()
    };
    for version in ["8", "9", "10", "11", "12"] {
        let version = RoomVersion::parse(version).unwrap();
        let view = room(version, restricted);
        let allowed: Vec<_> = view.allowed_rooms().iter().map(ToString::to_string).collect();
        assert_eq!(allowed, ["!s:x.fr"]);
        assert_eq!(decided(&view, &join(false)).err(), Some(Rejection::NotInAllowedRoom));
        assert_eq!(via(&view), "@alice:x.fr");
        // Who is in already and joins again changes nothing, whoever let them in.
        let inside = view.apply(&update(&view, &join(true)));
        assert!(matches!(decided(&inside, &join(false)), Ok(Decision::Unchanged(_))));
        let invite_50 = r#"alice levels {"users":{"bob":50},"invite":50}"#;
        let view = room(version, &format!("{restricted}\nalice leave\n{invite_50}"));
        assert_eq!(via(&view), "@bob:x.fr");
        // Nobody has a level of their own: any member who may invite, the first by name.
        let view = room(version, &format!("{restricted}\nalice leave\nalice levels {{}}"));
        assert_eq!(via(&view), "@bob:x.fr");
        // dave@y.fr could, but this server cannot sign for y.fr.
        let others = "alice leave\nbob leave\ncarol leave";
        let view = room(version, &format!("{restricted}\n{others}"));
        assert_eq!(decided(&view, &join(true)).err(), Some(Rejection::UnableToAuthoriseJoin));
        let nobody = r#"alice levels {"invite":1}"#;
        let view = room(version, &format!("{restricted}\nalice leave\n{nobody}"));
        assert_eq!(decided(&view, &join(true)).err(), Some(Rejection::UnableToAuthoriseJoin));
        let view = room(version, &format!("{restricted}\nalice ban eve"));
        let banned = decided(&view, &join(true)).err();
        assert_eq!(banned, Some(Rejection::Auth(AuthError::Banned)));
        // With an invitation nobody vouches, whatever the client wrote.
        let view = room(version, &format!("{restricted}\nalice invite eve"));
        let update = update(&view, &act("eve", "eve", MemberAct::Join));
        let content = update.events[0].event.content();
        assert!(!content.contains_key("join_authorised_via_users_server"));
    }
    // Where the version does not know the rule it lets nobody in.
    let view = room(RoomVersion::parse("7").unwrap(), restricted);
    assert_eq!(decided(&view, &join(true)).err(), Some(Rejection::Auth(AuthError::JoinRule)));
    let knock_restricted = room(RoomVersion::V10, "alice rule knock_restricted");
    assert_eq!(decided(&knock_restricted, &join(false)).err(), Some(Rejection::NotInAllowedRoom));
}

#[test]
fn memberships_change_as_asked() {
    let view = room(RoomVersion::V12, "alice rule knock\nalice invite frank\nzoe knock");
    let after = |command: &Command| {
        let update = update(&view, command);
        let content = update.events[0].event.content().clone();
        assert_eq!(content["reason"].as_str(), Some("r"));
        assert!(!content.contains_key("join_authorised_via_users_server"));
        view.apply(&update)
    };
    for (who, target, how, becomes) in [
        ("eve", "eve", MemberAct::Knock, Membership::Knock),
        ("bob", "eve", MemberAct::Invite, Membership::Invite),
        ("bob", "carol", MemberAct::Kick, Membership::Leave),
        ("bob", "zoe", MemberAct::Kick, Membership::Leave),
        ("bob", "frank", MemberAct::Kick, Membership::Leave),
        ("bob", "carol", MemberAct::Ban, Membership::Ban),
        ("frank", "frank", MemberAct::Join, Membership::Join),
        ("frank", "frank", MemberAct::Leave, Membership::Leave),
        ("zoe", "zoe", MemberAct::Leave, Membership::Leave),
    ] {
        let after = after(&act(who, target, how));
        assert_eq!(after.membership(&user(target)), Some(becomes), "{who} {how:?} {target}");
    }
    let joined = after(&act("frank", "frank", MemberAct::Join));
    assert_eq!((view.joined_count(), view.invited_count()), (4, 1));
    assert_eq!((joined.joined_count(), joined.invited_count()), (5, 0));
    let refused = |command: &Command| decided(&view, command).err();
    assert_eq!(refused(&act("bob", "eve", MemberAct::Kick)), Some(Rejection::NotInRoom));
    assert_eq!(refused(&act("bob", "carol", MemberAct::Unban)), Some(Rejection::NotBanned));
    let nothing = Rejection::Auth(AuthError::NothingToLeave);
    assert_eq!(refused(&act("eve", "eve", MemberAct::Leave)), Some(nothing));
    let banned = room(RoomVersion::V12, "alice ban eve");
    let kicked = decided(&banned, &act("bob", "eve", MemberAct::Kick)).err();
    assert_eq!(kicked, Some(Rejection::NotInRoom), "a kick never lifts a ban");
    let freed = banned.apply(&update(&banned, &act("bob", "eve", MemberAct::Unban)));
    assert_eq!(freed.membership(&user("eve")), Some(Membership::Leave));
}

#[test]
fn the_same_again_is_nothing_new() {
    let view = room(RoomVersion::V11, r#"carol set m.room.topic "" {"topic":"t"}"#);
    let topic = |sender: &str, text: &str| Command::SendState {
        sender: user(sender),
        kind: "m.room.topic".to_owned(),
        state_key: String::new(),
        content: object(&format!(r#"{{"topic":"{text}"}}"#)),
    };
    let unchanged = |view: &RoomView, command: &Command| {
        matches!(decided(view, command), Ok(Decision::Unchanged(_)))
    };
    assert!(unchanged(&view, &topic("carol", "t")));
    assert!(!unchanged(&view, &topic("carol", "u")));
    assert!(!unchanged(&view, &topic("bob", "t")), "somebody else says so now");
    let gone = room(RoomVersion::V11, "carol set m.room.topic \"\" {\"topic\":\"t\"}\ncarol leave");
    assert!(decided(&gone, &topic("carol", "t")).is_err());
    let join = |content: &str| Command::Member {
        sender: user("carol"),
        target: user("carol"),
        act: MemberAct::Join,
        content: object(content),
        in_allowed_room: false,
    };
    assert!(unchanged(&view, &join("{}")));
    assert!(!unchanged(&view, &join(r#"{"displayname":"C"}"#)));
}

#[test]
fn ends_beyond_what_one_event_follows_stay() {
    let view = room(RoomVersion::V11, "");
    let ends = |count: u64| {
        (0..count)
            .map(|n| (EventId::parse(&format!("$end{n}:x.fr")).unwrap(), n))
            .collect::<Vec<_>>()
    };
    for (count, left) in [(1, 0), (20, 0), (21, 1), (25, 5)] {
        let state = view.state().iter().cloned().collect::<Vec<_>>();
        let many =
            RoomView::load(view.version(), view.room_id().clone(), state, ends(count)).unwrap();
        let update = update(&many, &send("carol", "{}"));
        let event = &update.events[0].event;
        assert_eq!(event.prev_events().len() as u64 + left, count);
        assert_eq!(update.forward_extremities.len() as u64, 1 + left);
        assert_eq!(event.depth(), count, "one more than the deepest");
    }
}

#[test]
fn a_huge_depth_does_not_poison_the_room() {
    let view = room(RoomVersion::V11, "");
    let max = INTEGER_MAX.cast_unsigned();
    for depth in [max - 1, max, u64::MAX] {
        let end = (EventId::parse("$end:x.fr").unwrap(), depth);
        let state = view.state().iter().cloned().collect::<Vec<_>>();
        let deep = RoomView::load(view.version(), view.room_id().clone(), state, [end]).unwrap();
        let update = update(&deep, &send("carol", "{}"));
        assert_eq!(update.events[0].event.depth(), max);
        assert_eq!(update.forward_extremities[0].depth, max);
    }
}

#[test]
fn events_of_versions_1_and_2_get_ids_of_this_server() {
    for version in ["1", "2"] {
        let view = room(RoomVersion::parse(version).unwrap(), "");
        let id = |content: &str| {
            update(&view, &send("carol", content)).events[0].event.event_id().clone()
        };
        assert_eq!(id("{}").server_name(), Some("x.fr"));
        assert_ne!(id("{}"), id(r#"{"body":"x"}"#));
    }
}

#[test]
fn a_room_that_cannot_be_is_corrupt() {
    use crate::room::CorruptRoom;
    let view = room(RoomVersion::V11, "");
    let load = |without: &str, ends: Vec<(EventId, u64)>| {
        let state = view.state().iter().filter(|event| event.kind() != without).cloned();
        let state: Vec<_> = state.collect();
        RoomView::load(view.version(), view.room_id().clone(), state, ends).err()
    };
    let end = || vec![(EventId::parse("$end:x.fr").unwrap(), 1)];
    assert_eq!(load("m.room.create", end()), Some(CorruptRoom::NoCreate));
    assert_eq!(load("", Vec::new()), Some(CorruptRoom::NoExtremity));
    assert_eq!(load("", end()), None);
    let state = view.state().iter().cloned().collect::<Vec<_>>();
    let other = crate::ids::RoomId::parse("!other:x.fr").unwrap();
    let other = RoomView::load(view.version(), other, state, end()).err();
    assert_eq!(other, Some(CorruptRoom::OtherRoom));
}

#[test]
fn what_a_view_says() {
    let view = room(
        RoomVersion::V11,
        r#"alice set m.room.encryption "" {}
        alice set m.room.history_visibility "" {"history_visibility":"joined"}
        alice rule public"#,
    );
    assert!(view.is_encrypted());
    assert_eq!((view.history_visibility(), view.join_rule()), ("joined", "public"));
    let bare = room(
        RoomVersion::V11,
        r#"alice set m.room.history_visibility "" {"history_visibility":"x"}"#,
    );
    assert!(!bare.is_encrypted());
    assert_eq!((bare.history_visibility(), bare.join_rule()), ("shared", "invite"));
    assert!(bare.allowed_rooms().is_empty());
    assert!(bare.is_joined(&user("bob")) && !bare.is_joined(&user("eve")));
    assert_eq!(bare.membership(&user("eve")), None);
}

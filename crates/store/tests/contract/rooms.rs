// SPDX-License-Identifier: Apache-2.0
//! Without these a room could lose an event, gain one twice, or remember another past.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use estafette_core::{
    event::Event,
    ids::{EventId, RoomAlias, RoomId, ServerName, UserId},
    json::{Object, Value},
    room::{
        Command, CreateRoom, Decision, MemberAct, Preset, RoomUpdate, RoomView, Signer, create,
        decide,
    },
    sign::SigningKey,
    version::RoomVersion,
};
use estafette_store::{
    Position, RoomStore as _,
    fact::NoSink,
    rooms::{
        AppliedRedaction, CommitEvent, Direction, EventFlags, PositionCell, Receipt,
        RelationFilter, RoomCommit, RoomList, RoomOutcome, TimelineRange, Txn,
    },
    sqlite::{SqliteOptions, SqliteStore},
};

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

/// A room whose worker is the test.
pub(crate) struct Hall {
    pub(crate) store: SqliteStore,
    key: SigningKey,
    server: ServerName,
    pub(crate) view: RoomView,
    now_ms: i64,
    pub(crate) folder: tempfile::TempDir,
}

impl Hall {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = SqliteOptions::new(folder.path().join("db"));
        let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
        let (view, update, key) = made();
        let server = ServerName::parse("x.fr").unwrap();
        let hall = Self { store, key, server, view, now_ms: 1_000, folder };
        let commit = hall.commit(&update, None);
        assert_eq!(hall.store.commit_room(commit).await.unwrap(), RoomOutcome::Committed);
        hall
    }

    pub(crate) fn room_id(&self) -> &RoomId {
        self.view.room_id()
    }

    pub(crate) fn commit(&self, update: &RoomUpdate, txn: Option<Txn>) -> RoomCommit {
        let events = update.events.iter().map(|new| commit_event(&new.event, txn.clone()));
        let ends = update.forward_extremities.iter();
        RoomCommit {
            room_id: self.room_id().clone(),
            version: self.view.version(),
            events: events.collect(),
            extremities: ends.map(|end| (end.event_id.clone(), end.depth)).collect(),
            is_public: None,
            invitations: Vec::new(),
            aliases: Vec::new(),
            publish: Box::new(|| {}),
        }
    }

    pub(crate) fn decide(&mut self, command: &Command) -> RoomUpdate {
        self.now_ms += 1_000;
        let signer = Signer { server: &self.server, key: &self.key };
        match decide(command, &self.view, &signer, self.now_ms).unwrap() {
            Decision::Update(update) => update,
            Decision::Unchanged(_) => panic!("nothing would change"),
        }
    }

    /// Decides and commits; returns the last event and its position.
    pub(crate) async fn run(
        &mut self,
        command: Command,
        txn: Option<Txn>,
    ) -> (Arc<Event>, Position) {
        let update = self.decide(&command);
        let commit = self.commit(&update, txn);
        let last = commit.events.last().unwrap();
        let (event, pos) = (Arc::clone(&last.event), Arc::clone(&last.pos));
        assert_eq!(self.store.commit_room(commit).await.unwrap(), RoomOutcome::Committed);
        self.view = self.view.apply(&update);
        (event, pos.get())
    }

    async fn say(&mut self, text: &str) -> (Arc<Event>, Position) {
        self.run(said(text), None).await
    }

    async fn name(&mut self, name: &str) -> (Arc<Event>, Position) {
        let command = Command::SendState {
            sender: user(ALICE),
            kind: "m.room.name".into(),
            state_key: String::new(),
            content: Object::from([("name".into(), name.into())]),
        };
        self.run(command, None).await
    }

    async fn member(&mut self, sender: &str, target: &str, act: MemberAct) -> Position {
        let command = Command::Member {
            sender: user(sender),
            target: user(target),
            act,
            content: Object::new(),
            in_allowed_room: false,
        };
        self.run(command, None).await.1
    }

    async fn timeline(&self, range: TimelineRange) -> Vec<String> {
        let events = self.store.timeline(self.room_id(), range).await.unwrap();
        let body =
            |event: &Event| event.content().get("body").and_then(Value::as_str).map(Into::into);
        events.iter().filter_map(|stored| body(&stored.event)).collect()
    }
}

fn made() -> (RoomView, RoomUpdate, SigningKey) {
    let key = SigningKey::from_seed("1", &[7; 32]);
    let server = ServerName::parse("x.fr").unwrap();
    let request = CreateRoom {
        creator: user(ALICE),
        creator_profile: Object::new(),
        version: RoomVersion::V12,
        preset: Preset::Private,
        name: None,
        topic: None,
        alias: None,
        invite: Vec::new(),
        invite_addresses: Vec::new(),
        is_direct: false,
        creation_content: Object::new(),
        initial_state: Vec::new(),
        power_level_content_override: Object::new(),
        nonce: "n".into(),
    };
    let made = create(&request, &Signer { server: &server, key: &key }, 1_000).unwrap();
    (made.view, made.update, key)
}

fn commit_event(event: &Arc<Event>, txn: Option<Txn>) -> CommitEvent {
    let relation = estafette_core::relations::relation(event.content());
    CommitEvent {
        event: Arc::clone(event),
        flags: EventFlags::default(),
        txn,
        redaction: None,
        relation: relation.map(|relation| {
            (EventId::parse(relation.event_id).unwrap(), relation.rel_type.to_owned())
        }),
        highlights: Vec::new(),
        pos: Arc::new(PositionCell::default()),
    }
}

fn said(text: &str) -> Command {
    let content = Object::from([("body".into(), text.into())]);
    Command::Send { sender: user(ALICE), kind: "m.room.message".into(), content }
}

fn related(rel_type: &str, parent: &Event, text: &str) -> Command {
    let relates_to = Value::from([
        ("rel_type", rel_type.into()),
        ("event_id", parent.event_id().as_str().into()),
    ]);
    let content = Object::from([("body".into(), text.into()), ("m.relates_to".into(), relates_to)]);
    Command::Send { sender: user(ALICE), kind: "m.room.message".into(), content }
}

fn all(direction: Direction, limit: usize) -> TimelineRange {
    TimelineRange { after: Position(0), upto: Position(u64::MAX >> 1), direction, limit }
}

fn txn(id: &str) -> Txn {
    Txn { device_nid: 1, path: 2, txn_id: id.into() }
}

#[tokio::test]
async fn a_room_is_loaded_as_it_was_committed() {
    let mut hall = Hall::open().await;
    hall.say("one").await;
    let (last, pos) = hall.say("two").await;
    let loaded = hall.store.load_room(hall.room_id(), 1).await.unwrap().unwrap();
    assert_eq!(loaded.version, RoomVersion::V12);
    assert_eq!(loaded.state.len(), hall.view.state().len());
    assert_eq!(loaded.extremities, [(last.event_id().clone(), last.depth())]);
    assert_eq!(loaded.timeline.len(), 1, "the latest alone");
    assert_eq!(loaded.timeline[0].event.json(), last.json());
    assert_eq!(loaded.last_pos, pos);
    let unknown = RoomId::parse("!unknown").unwrap();
    assert!(hall.store.load_room(&unknown, 1).await.unwrap().is_none());
}

/// I2: the whole commit is refused, and nothing of it is kept or published.
#[tokio::test]
async fn a_repeated_request_writes_nothing() {
    let mut hall = Hall::open().await;
    let (first, _) = hall.run(said("once"), Some(txn("t"))).await;
    assert_eq!(hall.store.event_of_txn(&txn("t")).await.unwrap().as_ref(), Some(first.event_id()));
    let update = hall.decide(&said("twice"));
    let published = Arc::new(AtomicBool::new(false));
    let mut commit = hall.commit(&update, Some(txn("t")));
    commit.publish = {
        let published = Arc::clone(&published);
        Box::new(move || published.store(true, Ordering::SeqCst))
    };
    let outcome = hall.store.commit_room(commit).await.unwrap();
    let event_id = first.event_id().clone();
    assert_eq!(outcome, RoomOutcome::Duplicate { txn: txn("t"), event_id });
    assert!(!published.load(Ordering::SeqCst));
    assert_eq!(hall.timeline(all(Direction::Forward, 100)).await, ["once"]);
}

#[tokio::test]
async fn a_taken_alias_refuses_the_whole_room() {
    let hall = Hall::open().await;
    let alias = RoomAlias::parse("#a:x.fr").unwrap();
    assert!(hall.store.put_alias(&alias, hall.room_id(), &user(ALICE)).await.unwrap());
    assert!(!hall.store.put_alias(&alias, hall.room_id(), &user(BOB)).await.unwrap());
    let other = RoomId::parse("!other").unwrap();
    let commit = RoomCommit {
        room_id: other.clone(),
        version: RoomVersion::V12,
        events: Vec::new(),
        extremities: Vec::new(),
        is_public: Some(true),
        invitations: Vec::new(),
        aliases: vec![(alias.clone(), user(BOB))],
        publish: Box::new(|| {}),
    };
    let outcome = hall.store.commit_room(commit).await.unwrap();
    assert_eq!(outcome, RoomOutcome::AliasTaken(alias.clone()));
    assert_eq!(hall.store.is_public(&other).await.unwrap(), None);
    let (named, maker) = hall.store.alias(&alias).await.unwrap().unwrap();
    assert_eq!((&named, maker.as_str()), (hall.room_id(), ALICE));
    hall.store.move_aliases(hall.room_id(), &other).await.unwrap();
    assert_eq!(hall.store.aliases_of(&other).await.unwrap(), std::slice::from_ref(&alias));
    assert!(hall.store.delete_alias(&alias).await.unwrap());
    assert!(!hall.store.delete_alias(&alias).await.unwrap());
}

#[tokio::test]
async fn the_timeline_is_walked_both_ways_within_its_range() {
    let mut hall = Hall::open().await;
    let mut positions = Vec::new();
    for n in 0..5 {
        positions.push(hall.say(&n.to_string()).await.1);
    }
    assert_eq!(hall.timeline(all(Direction::Backward, 2)).await, ["4", "3"]);
    let middle = |direction| TimelineRange {
        after: positions[0],
        upto: positions[3],
        direction,
        limit: 100,
    };
    assert_eq!(hall.timeline(middle(Direction::Forward)).await, ["1", "2", "3"]);
    assert_eq!(hall.timeline(middle(Direction::Backward)).await, ["3", "2", "1"]);
}

#[tokio::test]
async fn state_is_known_at_every_position() {
    let mut hall = Hall::open().await;
    let (_, first) = hall.name("one").await;
    hall.say("between").await;
    let (_, second) = hall.name("two").await;
    let key = [("m.room.name".to_owned(), Some(String::new()))];
    let at = async |upto: Position| {
        let state = hall.store.state_at(hall.room_id(), upto, Some(&key)).await.unwrap();
        state.first().map(|event| event.content()["name"].as_str().unwrap().to_owned())
    };
    assert_eq!(at(Position(first.0 - 1)).await, None);
    assert_eq!(at(first).await.as_deref(), Some("one"));
    assert_eq!(at(Position(second.0 - 1)).await.as_deref(), Some("one"));
    assert_eq!(at(second).await.as_deref(), Some("two"));
    let keys = [("m.room.member", ALICE), ("m.room.topic", ""), ("m.room.name", "")];
    let now = hall.store.current_state(hall.room_id(), &keys).await.unwrap();
    let now: Vec<_> = now.iter().map(|event| event.kind()).collect();
    assert_eq!(now, ["m.room.member", "m.room.name"]);
    let nowhere = RoomId::parse("!nowhere:x.fr").unwrap();
    assert!(hall.store.current_state(&nowhere, &keys).await.unwrap().is_empty());
    let whole = hall.store.state_at(hall.room_id(), second, None).await.unwrap();
    assert_eq!(whole.len(), hall.view.state().len());
    let changes = hall.store.state_changes(hall.room_id(), first, second).await.unwrap();
    assert_eq!(changes.len(), 1);
    let keys =
        [("m.room.name".to_owned(), String::new()), ("m.room.topic".to_owned(), String::new())];
    let history = hall.store.state_history(hall.room_id(), &keys).await.unwrap();
    let name: Vec<Position> = history[0].iter().map(|(pos, _)| *pos).collect();
    assert_eq!(name, [first, second]);
    assert!(history[1].is_empty(), "one list per key, also for what never was");
}

#[tokio::test]
async fn memberships_follow_their_events() {
    let mut hall = Hall::open().await;
    hall.member(ALICE, BOB, MemberAct::Invite).await;
    let joined = hall.member(BOB, BOB, MemberAct::Join).await;
    let of_bob = async || hall.store.rooms_of(&user(BOB)).await.unwrap();
    let rooms = of_bob().await;
    assert_eq!((rooms[0].membership.as_str(), rooms[0].pos), ("join", joined));
    assert!(!hall.store.forget_room(&user(BOB), hall.room_id()).await.unwrap(), "still there");
    let left = hall.member(BOB, BOB, MemberAct::Leave).await;
    assert!(hall.store.forget_room(&user(BOB), hall.room_id()).await.unwrap());
    let rooms = hall.store.rooms_of(&user(BOB)).await.unwrap();
    assert_eq!((rooms[0].pos, rooms[0].forgotten), (left, true));
    hall.member(ALICE, BOB, MemberAct::Invite).await;
    let rooms = hall.store.rooms_of(&user(BOB)).await.unwrap();
    assert!(!rooms[0].forgotten, "a new membership starts afresh");
}

#[tokio::test]
async fn a_redaction_takes_content_and_relations_away() {
    let mut hall = Hall::open().await;
    let (parent, _) = hall.say("parent").await;
    let (child, _) = hall.run(related("m.reference", &parent, "child"), None).await;
    let parents = [parent.event_id().clone()];
    assert_eq!(hall.store.relations_of(&parents).await.unwrap().len(), 1);
    let update = hall.decide(&Command::Redact {
        sender: user(ALICE),
        redacts: child.event_id().clone(),
        target_sender: Some(user(ALICE)),
        content: Object::new(),
    });
    let json = child.json().replace(child.content_json(), "{}");
    let mut commit = hall.commit(&update, None);
    commit.events[0].redaction = Some(AppliedRedaction { target: child.event_id().clone(), json });
    let redaction = Arc::clone(&commit.events[0].event);
    hall.store.commit_room(commit).await.unwrap();
    let (_, stored) = hall.store.event(child.event_id()).await.unwrap().unwrap();
    assert!(stored.flags.has(EventFlags::REDACTED));
    assert_eq!(stored.event.content_json(), "{}");
    let because = stored.redacted_because.unwrap();
    assert_eq!(because.event_id(), redaction.event_id());
    assert!(hall.store.relations_of(&parents).await.unwrap().is_empty());
}

#[tokio::test]
async fn children_and_threads_are_found() {
    let mut hall = Hall::open().await;
    let (one, _) = hall.say("one").await;
    let (two, _) = hall.say("two").await;
    hall.run(related("m.thread", &one, "a"), None).await;
    let (_, in_two) = hall.run(related("m.thread", &two, "b"), None).await;
    hall.run(related("m.reference", &one, "c"), None).await;
    let (_, in_one) = hall.run(related("m.thread", &one, "d"), None).await;
    let filter = RelationFilter { rel_type: Some("m.thread".into()), kind: None };
    let range = all(Direction::Backward, 10);
    let found = hall.store.relations(one.event_id(), &filter, range).await.unwrap();
    let bodies: Vec<_> = found.iter().map(|child| child.event.content()["body"].clone()).collect();
    assert_eq!(bodies, [Value::from("d"), "a".into()]);
    let before = Position(u64::MAX >> 1);
    let threads = hall.store.threads(hall.room_id(), before, None, 10).await.unwrap();
    let (one_id, two_id) = (one.event_id().clone(), two.event_id().clone());
    assert_eq!(threads, [(one_id, in_one), (two_id, in_two)]);
    let of_bob = hall.store.threads(hall.room_id(), before, Some(&user(BOB)), 10).await.unwrap();
    assert!(of_bob.is_empty());
}

#[tokio::test]
async fn an_event_is_found_near_a_time() {
    let mut hall = Hall::open().await;
    let (one, _) = hall.say("one").await;
    let (two, _) = hall.say("two").await;
    let between = one.origin_server_ts() + 1;
    for (direction, expected) in [(Direction::Forward, &two), (Direction::Backward, &one)] {
        let found = hall.store.events_near(hall.room_id(), between, direction, 1).await.unwrap();
        assert_eq!(found[0].event.event_id(), expected.event_id());
    }
    let all = hall.store.events_near(hall.room_id(), 0, Direction::Forward, 100).await.unwrap();
    assert!(all.is_sorted_by_key(|event| (event.event.origin_server_ts(), event.pos)));
}

/// What a bridge brings may be older than what is there, or of the same time. Without it one would
/// jump to a day and land on another.
#[tokio::test]
async fn events_that_come_out_of_order_are_found_by_their_time() {
    let mut hall = Hall::open().await;
    let mut state = 0x2545_f491_u64;
    let mut chance = move |below: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for number in 0..150_u64 {
        // In order for a while, then some that are much older, some at one time.
        hall.now_ms = match number % 10 {
            0..=4 => 10_000 + i64::try_from(number * 400).unwrap(),
            5 | 6 => hall.now_ms - 1_000,
            _ => i64::try_from(chance(number * 400 + 14_000)).unwrap(),
        };
        hall.say(&number.to_string()).await;
    }
    let range = TimelineRange {
        after: Position(0),
        upto: hall.store.head(),
        direction: Direction::Forward,
        limit: 1_000,
    };
    let all = hall.store.timeline(hall.room_id(), range).await.unwrap();
    let mut times: Vec<(i64, Position)> =
        all.iter().map(|event| (event.event.origin_server_ts(), event.pos)).collect();
    let behind = times.windows(2).filter(|two| two[1].0 < two[0].0).count();
    assert!(behind > 20 && times.len() > 150, "{times:?}");
    times.sort_unstable();
    let places = times.iter().flat_map(|(ts, _)| [*ts - 1, *ts, *ts + 1]);
    for ts in places.chain([i64::MIN, 0, 500_000, i64::MAX]) {
        for (direction, limit) in [
            (Direction::Forward, 1),
            (Direction::Backward, 1),
            (Direction::Forward, 25),
            (Direction::Backward, 25),
        ] {
            let mut expected: Vec<_> = match direction {
                Direction::Forward => times.iter().filter(|(of, _)| *of >= ts).collect(),
                Direction::Backward => times.iter().rev().filter(|(of, _)| *of <= ts).collect(),
            };
            expected.truncate(limit);
            let found = hall.store.events_near(hall.room_id(), ts, direction, limit).await.unwrap();
            let found: Vec<_> =
                found.iter().map(|event| (event.event.origin_server_ts(), event.pos)).collect();
            assert_eq!(found.iter().collect::<Vec<_>>(), expected, "{ts} {direction:?} {limit}");
        }
    }
}

/// Client-Server API, "Receipts": forward only, one per user, kind and thread.
#[tokio::test]
async fn receipts_only_move_forward() {
    let mut hall = Hall::open().await;
    let (one, _) = hall.say("one").await;
    let (two, pos) = hall.say("two").await;
    let receipt = |event: &Event, thread: &str| Receipt {
        user_id: user(BOB),
        kind: "m.read".into(),
        thread: thread.into(),
        event_id: event.event_id().clone(),
        event_pos: Position(0),
        ts: 5,
        pos: Position(0),
    };
    let put = async |receipt| hall.store.put_receipt(hall.room_id(), receipt).await.unwrap();
    let moved = put(receipt(&two, "")).await.unwrap();
    assert_eq!(put(receipt(&one, "")).await, None);
    assert_eq!(put(receipt(&two, "")).await, None);
    assert!(put(receipt(&one, "main")).await.is_some());
    let receipts = hall.store.receipts(hall.room_id(), Position(0)).await.unwrap();
    assert_eq!(receipts.len(), 2);
    assert_eq!((receipts[0].event_pos, receipts[0].pos), (pos, moved));
    assert_eq!(hall.store.receipts(hall.room_id(), moved).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_directory_lists_what_is_public() {
    let hall = Hall::open().await;
    assert_eq!(hall.store.is_public(hall.room_id()).await.unwrap(), Some(false));
    assert!(hall.store.public_rooms(RoomList::Own).await.unwrap().is_empty());
    hall.store.set_public(hall.room_id(), true).await.unwrap();
    let listed = hall.store.public_rooms(RoomList::Own).await.unwrap();
    assert_eq!((&listed[0].room_id, listed[0].joined_members), (hall.room_id(), 1));
    assert!(listed[0].state.iter().any(|event| event.kind() == "m.room.create"));

    hall.store.set_public(hall.room_id(), false).await.unwrap();
    let network = |network_id: &str| RoomList::Network {
        appservice_id: "irc".to_owned(),
        network_id: network_id.to_owned(),
    };
    let count = async |list: RoomList| hall.store.public_rooms(list).await.unwrap().len();
    for listed in [true, true, false] {
        hall.store.list_in_network(("irc", "net"), hall.room_id(), listed).await.unwrap();
        let found = usize::from(listed);
        assert_eq!(count(network("net")).await, found);
        assert_eq!(count(RoomList::All).await, found);
        assert_eq!((count(network("other")).await, count(RoomList::Own).await), (0, 0));
    }
}

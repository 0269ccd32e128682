// SPDX-License-Identifier: Apache-2.0
//! With a real gateway on loopback. Without these a phone could stay silent, or ring for nothing.

use std::net::SocketAddr;

use axum::{Router, extract::State as AxumState, routing::post};
use estafette_core::ids::EventId;
use estafette_store::rooms::Receipt;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::*;
use crate::testing::{TestServer, eventually};

const ALICE: &str = "@a:x.fr";
const BOB: &str = "@b:x.fr";

#[derive(Clone)]
struct Script {
    heard: mpsc::UnboundedSender<Value>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
}

struct Gateway {
    address: SocketAddr,
    heard: mpsc::UnboundedReceiver<Value>,
    script: Script,
    task: tokio::task::JoinHandle<()>,
}

impl Gateway {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = mpsc::unbounded_channel();
        let script = Script { heard: sender, answers: Arc::default() };
        let router =
            Router::new().route("/_matrix/push/v1/notify", post(notify)).with_state(script.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, heard, script, task }
    }

    fn answers(&self, status: u16, body: Value) {
        self.script.answers.lock().push_back((status, body));
    }

    async fn next(&mut self) -> Value {
        let heard = tokio::time::timeout(Duration::from_secs(120), self.heard.recv()).await;
        heard.expect("no notification came").unwrap()["notification"].clone()
    }

    fn nothing_more(&mut self) {
        assert!(self.heard.try_recv().is_err(), "a notification too many");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn notify(AxumState(script): AxumState<Script>, body: String) -> (StatusCode, String) {
    let (status, answer) =
        script.answers.lock().pop_front().unwrap_or((200, json!({"rejected": []})));
    script.heard.send(serde_json::from_str(&body).unwrap()).unwrap();
    (StatusCode::from_u16(status).unwrap(), answer.to_string())
}

async fn server() -> TestServer {
    TestServer::with(|config| config.outbound.allowed_networks = vec!["127.0.0.0/8".into()]).await
}

async fn ask(server: &TestServer, method: Method, path: &str, user: &str, body: Value) -> Value {
    let path = format!("/_matrix/client/v3/{path}");
    let answer = server.ask(method, &path, user, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.bytes);
    answer.json()
}

async fn set_pusher(server: &TestServer, gateway: &Gateway, user: &str, data: Value) {
    let mut data = data;
    data["url"] = json!(format!("http://{}/_matrix/push/v1/notify", gateway.address));
    let body = json!({
        "kind": "http", "app_id": "app", "pushkey": format!("key of {user}"), "lang": "fr",
        "app_display_name": "App", "device_display_name": "Phone", "data": data, "append": true,
    });
    ask(server, Method::POST, "pushers/set", user, body).await;
    settle(server).await;
}

/// Waits until the sender has looked at everything that was done so far.
pub(super) async fn settle(server: &TestServer) {
    let push = &server.server.push;
    let head = server.server.notifier.head().0;
    eventually(async || {
        let heard = push.heard.lock();
        push.heard_up_to.load(std::sync::atomic::Ordering::Acquire) >= head
            && heard.users.is_empty()
            && heard.events.is_empty()
            && !heard.missed
    })
    .await;
    // The sender took it all: it is done with it when it is done looking.
    drop(push.looking.lock().await);
}

async fn room_of_two(server: &TestServer) -> String {
    let body = json!({"preset": "private_chat", "name": "Salon", "invite": [BOB]});
    let created = ask(server, Method::POST, "createRoom", ALICE, body).await;
    let room_id = created["room_id"].as_str().unwrap().to_owned();
    ask(server, Method::POST, &format!("rooms/{room_id}/join"), BOB, json!({})).await;
    room_id
}

async fn say(server: &TestServer, room_id: &str, user: &str, txn: &str, body: &str) -> String {
    let path = format!("rooms/{room_id}/send/m.room.message/{txn}");
    let body = json!({"msgtype": "m.text", "body": body});
    let sent = ask(server, Method::PUT, &path, user, body).await;
    sent["event_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_message_is_announced_to_those_who_did_not_write_it() {
    let (server, mut gateway) = (server().await, Gateway::start().await);
    let room_id = room_of_two(&server).await;
    set_pusher(&server, &gateway, ALICE, json!({})).await;
    set_pusher(&server, &gateway, BOB, json!({"format": "event_id_only", "brand": "x"})).await;
    let event_id = say(&server, &room_id, ALICE, "1", "un secret").await;
    let told = gateway.next().await;
    assert_eq!(told["event_id"], event_id.as_str());
    assert_eq!(told["room_id"], room_id.as_str());
    assert_eq!(told["counts"], json!({"unread": 1}));
    let device = &told["devices"][0];
    assert_eq!(device["pushkey"], "key of @b:x.fr");
    assert_eq!(device["app_id"], "app");
    assert_eq!(device["data"], json!({"format": "event_id_only", "brand": "x"}), "without the url");
    assert_eq!(device["tweaks"]["sound"], "default", "a room of two");
    assert!(!told.to_string().contains("secret"));
    for more in ["type", "sender", "room_name", "content"] {
        assert!(told.get(more).is_none(), "{more} with event_id_only");
    }
    let event_id = say(&server, &room_id, BOB, "2", "réponse secrète").await;
    let told = gateway.next().await;
    assert_eq!((&told["event_id"], &told["sender"]), (&json!(event_id), &json!(BOB)));
    assert_eq!((&told["type"], &told["room_name"]), (&json!("m.room.message"), &json!("Salon")));
    assert_eq!(told["devices"][0]["pushkey"], "key of @a:x.fr");
    assert!(!told.to_string().contains("secr"), "no content in pushes");
    gateway.nothing_more();
}

#[tokio::test]
async fn an_invitation_rings_and_rules_silence() {
    let (server, mut gateway) = (server().await, Gateway::start().await);
    set_pusher(&server, &gateway, BOB, json!({})).await;
    let room_id = room_of_two(&server).await;
    let told = gateway.next().await;
    assert_eq!((&told["type"], &told["user_is_target"]), (&json!("m.room.member"), &json!(true)));
    let rule = format!("pushrules/global/room/{room_id}");
    ask(&server, Method::PUT, &rule, BOB, json!({"actions": []})).await;
    settle(&server).await;
    say(&server, &room_id, ALICE, "1", "silence").await;
    settle(&server).await;
    ask(&server, Method::DELETE, &rule, BOB, json!({})).await;
    let ignored = json!({"ignored_users": {ALICE: {}}});
    let path = format!("user/{BOB}/account_data/m.ignored_user_list");
    ask(&server, Method::PUT, &path, BOB, ignored).await;
    settle(&server).await;
    say(&server, &room_id, ALICE, "2", "ignored").await;
    settle(&server).await;
    ask(&server, Method::PUT, &path, BOB, json!({})).await;
    settle(&server).await;
    let event_id = say(&server, &room_id, ALICE, "3", "heard").await;
    assert_eq!(gateway.next().await["event_id"], event_id.as_str());
    gateway.nothing_more();
}

#[tokio::test]
async fn a_rejected_pushkey_is_removed_and_others_are_not() {
    let (server, mut gateway) = (server().await, Gateway::start().await);
    let room_id = room_of_two(&server).await;
    set_pusher(&server, &gateway, BOB, json!({})).await;
    gateway.answers(200, json!({"rejected": ["somebody else's key"]}));
    say(&server, &room_id, ALICE, "1", "one").await;
    gateway.next().await;
    gateway.answers(400, json!({"rejected": ["key of @b:x.fr"]}));
    say(&server, &room_id, ALICE, "2", "two").await;
    gateway.next().await;
    eventually(async || server.server.store.pushers(None).await.unwrap().is_empty()).await;
    settle(&server).await;
    say(&server, &room_id, ALICE, "3", "three").await;
    gateway.nothing_more();
}

#[tokio::test]
async fn reading_clears_the_badge_once() {
    let (server, mut gateway) = (server().await, Gateway::start().await);
    let room_id = room_of_two(&server).await;
    set_pusher(&server, &gateway, BOB, json!({"format": "event_id_only"})).await;
    say(&server, &room_id, ALICE, "1", "one").await;
    assert_eq!(gateway.next().await["counts"], json!({"unread": 1}));
    let event_id = say(&server, &room_id, ALICE, "2", "two").await;
    assert_eq!(gateway.next().await["counts"], json!({"unread": 2}));
    for thread in ["", "main"] {
        let room_id = RoomId::parse(&room_id).unwrap();
        let event_id = EventId::parse(&event_id).unwrap();
        let (_, stored) = server.server.store.event(&event_id).await.unwrap().unwrap();
        let receipt = Receipt {
            user_id: UserId::parse(BOB).unwrap(),
            kind: "m.read".into(),
            thread: thread.into(),
            event_id,
            event_pos: stored.pos,
            ts: 1,
            pos: Position(0),
        };
        server.server.store.put_receipt(&room_id, receipt).await.unwrap().unwrap();
    }
    let told = gateway.next().await;
    assert_eq!(told["counts"], json!({"unread": 0}));
    assert!(told.get("event_id").is_none());
    say(&server, &room_id, ALICE, "3", "three").await;
    assert_eq!(gateway.next().await["counts"], json!({"unread": 1}), "zero was told once");
    gateway.nothing_more();
}

/// How many notifications are written down because no gateway took them yet.
async fn waiting(server: &TestServer) -> usize {
    server.server.store.push_progress().await.unwrap().1.len()
}

#[tokio::test]
async fn what_a_gateway_did_not_take_is_sent_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_owned();
    let open = || {
        let data_dir = path.clone();
        TestServer::with(move |config| {
            config.data_dir = data_dir;
            config.outbound.allowed_networks = vec!["127.0.0.0/8".into()];
        })
    };
    let mut gateway = Gateway::start().await;
    let server = open().await;
    let room_id = room_of_two(&server).await;
    set_pusher(&server, &gateway, BOB, json!({})).await;
    gateway.answers(502, json!({}));
    let event_id = say(&server, &room_id, ALICE, "1", "one").await;
    assert_eq!(gateway.next().await["event_id"], event_id.as_str());
    server.server.stop();
    eventually(async || waiting(&server).await == 1).await;
    drop(server);
    let server = open().await;
    assert_eq!(gateway.next().await["event_id"], event_id.as_str(), "sent again");
    let next = say(&server, &room_id, ALICE, "2", "two").await;
    assert_eq!(gateway.next().await["event_id"], next.as_str());
    eventually(async || waiting(&server).await == 0).await;
    gateway.nothing_more();
}

async fn stored(server: &TestServer, event_id: &str) -> estafette_store::rooms::StoredEvent {
    let event_id = EventId::parse(event_id).unwrap();
    server.server.store.event(&event_id).await.unwrap().unwrap().1
}

/// Otherwise a notification that comes hours late would tell names that the room took since, perhaps
/// because it became another room.
#[tokio::test]
async fn a_late_notification_tells_the_names_of_its_time() {
    let server = server().await;
    let room_id = room_of_two(&server).await;
    let event_id = say(&server, &room_id, ALICE, "1", "one").await;
    let room = RoomId::parse(&room_id).unwrap();
    let name = async |server: &TestServer| {
        let stored = stored(server, &event_id).await;
        let names = gateway::names_at(&server.server, &room, &stored).await.unwrap();
        let name = names.iter().find(|event| event.kind() == "m.room.name").unwrap();
        name.content().get("name").and_then(|name| name.as_str()).unwrap().to_owned()
    };
    assert_eq!(name(&server).await, "Salon");
    let path = format!("rooms/{room_id}/state/m.room.name");
    ask(&server, Method::PUT, &path, ALICE, json!({"name": "Affaire secrète"})).await;
    assert_eq!(name(&server).await, "Salon");
    let server = server.restart(|_| {}).await;
    assert_eq!(name(&server).await, "Salon");
}

/// Otherwise somebody who comes into a room would be rung for what was said before, when the server
/// was restarted meanwhile.
#[tokio::test]
async fn what_happened_before_one_came_in_is_not_announced_after_a_restart() {
    let server = server().await;
    let body = json!({"preset": "public_chat"});
    let created = ask(&server, Method::POST, "createRoom", ALICE, body).await;
    let room_id = created["room_id"].as_str().unwrap().to_owned();
    let early = say(&server, &room_id, ALICE, "1", "early").await;
    ask(&server, Method::POST, &format!("rooms/{room_id}/join"), BOB, json!({})).await;
    let late = say(&server, &room_id, ALICE, "2", "late").await;
    let later = say(&server, &room_id, ALICE, "3", "later").await;
    let server = server.restart(|_| {}).await;
    let bob = UserId::parse(BOB).unwrap();
    assert!(server.server.notifier.hot(&bob).is_none());
    let room = RoomId::parse(&room_id).unwrap();
    let hot = server.server.rooms.get(&server.server.store, &room).await.unwrap().unwrap();
    for (event_id, expected) in [(early, true), (late, false), (later, false)] {
        let stored = stored(&server, &event_id).await;
        let found = Found { event: &stored.event, flags: stored.flags, pos: stored.pos };
        let came = evaluate::came_later(&server.server, &bob, &hot.snapshot(), &found).await;
        assert_eq!(came.unwrap(), expected, "{event_id}");
    }
}

/// Otherwise a phone would ring twice where an error interrupted looking at an event.
#[tokio::test]
async fn a_notification_is_queued_once() {
    let (server, mut gateway) = (server().await, Gateway::start().await);
    let room_id = room_of_two(&server).await;
    set_pusher(&server, &gateway, BOB, json!({})).await;
    let mut again = Sender::load(&server.server).await.unwrap();
    let event_id = say(&server, &room_id, ALICE, "1", "one").await;
    assert_eq!(gateway.next().await["event_id"], event_id.as_str());
    let stored = stored(&server, &event_id).await;
    let before = Position(stored.pos.0 - 1);
    for _ in 0..2 {
        again.pos = before;
        again.read_log(&server.server, stored.pos).await.unwrap();
    }
    assert_eq!(gateway.next().await["event_id"], event_id.as_str(), "the second sender's own");
    let last = say(&server, &room_id, ALICE, "2", "two").await;
    assert_eq!(gateway.next().await["event_id"], last.as_str());
    gateway.nothing_more();
}

// SPDX-License-Identifier: Apache-2.0
//! With a push service on loopback that reads what a browser would read. Without these a closed
//! page could stay silent, or a push could tell a stranger what is said.

use std::{net::SocketAddr, time::Duration};

use aes_gcm::{Aes128Gcm, KeyInit as _, aead::Aead as _};
use axum::{Router, extract::State as AxumState, routing::post};
use estafette_store::PushStore as _;
use hkdf::Hkdf;
use p256::{
    PublicKey, SecretKey,
    ecdh::diffie_hellman,
    ecdsa::{Signature, VerifyingKey, signature::Verifier as _},
};
use tokio::sync::mpsc;

use super::*;
use crate::{
    clock::OsRandom,
    push::tests::settle,
    testing::{Answer, TestServer, eventually},
};

const ALICE: &str = "@a:x.fr";
const BOB: &str = "@b:x.fr";
const AUTH: [u8; 16] = *b"sixteen bytes...";

/// A browser and the push service of its vendor in one.
struct Browser {
    address: SocketAddr,
    key: SecretKey,
    heard: mpsc::UnboundedReceiver<(HeaderMap, Vec<u8>)>,
    answer: std::sync::Arc<std::sync::atomic::AtomicU16>,
    task: tokio::task::JoinHandle<()>,
}

type Script =
    (mpsc::UnboundedSender<(HeaderMap, Vec<u8>)>, std::sync::Arc<std::sync::atomic::AtomicU16>);

async fn receive(
    AxumState((heard, answer)): AxumState<Script>,
    headers: HeaderMap,
    body: axum::body::Bytes,
) -> StatusCode {
    heard.send((headers, body.to_vec())).unwrap();
    StatusCode::from_u16(answer.load(std::sync::atomic::Ordering::SeqCst)).unwrap()
}

impl Browser {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, heard) = mpsc::unbounded_channel();
        let answer = std::sync::Arc::new(std::sync::atomic::AtomicU16::new(201));
        let router = Router::new()
            .route("/push/{id}", post(receive))
            .with_state((sender, std::sync::Arc::clone(&answer)));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, key: vapid::fresh_key(&OsRandom), heard, answer, task }
    }

    fn pusher(&self) -> Value {
        json!({
            "kind": "webpush", "app_id": "fr.estafette.web", "lang": "fr", "append": true,
            "pushkey": URL_SAFE_NO_PAD.encode(self.key.public_key().to_sec1_bytes()),
            "app_display_name": "Estafette", "device_display_name": "Navigateur",
            "data": {
                "url": format!("http://{}/push/abc", self.address),
                "auth": URL_SAFE_NO_PAD.encode(AUTH),
            },
        })
    }

    async fn next(&mut self) -> (HeaderMap, Value) {
        let heard = tokio::time::timeout(Duration::from_secs(120), self.heard.recv()).await;
        let (headers, body) = heard.expect("no push came").unwrap();
        assert!(
            !body.windows(5).any(|piece| piece == b"event" || piece == b"token"),
            "a push was not encrypted"
        );
        (headers, self.open(&body))
    }

    /// Reads a push as RFC 8291 tells browsers to.
    fn open(&self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (record_size, rest) = rest.split_at(4);
        assert!(u32::from_be_bytes(record_size.try_into().unwrap()) as usize >= rest.len());
        let (sender, sealed) = rest[1..].split_at(usize::from(rest[0]));
        let theirs = PublicKey::from_sec1_bytes(sender).unwrap();
        let shared = diffie_hellman(self.key.to_nonzero_scalar(), theirs.as_affine());
        let ours = self.key.public_key().to_sec1_bytes();
        let derive = |salt: &[u8], from: &[u8], info: &[u8], size: usize| {
            let mut out = vec![0; size];
            Hkdf::<Sha256>::new(Some(salt), from).expand(info, &mut out).unwrap();
            out
        };
        let info = [b"WebPush: info\0".as_slice(), &ours, sender].concat();
        let secret = derive(&AUTH, shared.raw_secret_bytes(), &info, 32);
        let key = derive(salt, &secret, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = derive(salt, &secret, b"Content-Encoding: nonce\0", 12);
        let nonce: [u8; 12] = nonce.try_into().unwrap();
        let cipher = Aes128Gcm::new_from_slice(&key).unwrap();
        let plain = cipher.decrypt(&nonce.into(), sealed).unwrap();
        assert_eq!(plain.len(), encryption::PADDED_BYTES + 1, "lengths tell nothing");
        let end = plain.iter().rposition(|byte| *byte == 2).unwrap();
        assert!(plain[end + 1..].iter().all(|byte| *byte == 0));
        serde_json::from_slice(&plain[..end]).unwrap()
    }

    async fn activate(&mut self, server: &TestServer, user: &str) {
        let answer = set(server, user, &self.pusher()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{:?}", answer.bytes);
        let (_, challenge) = self.next().await;
        assert_eq!(challenge["app_id"], "fr.estafette.web");
        let answer = ack(server, user, &challenge).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!({})));
        settle(server).await;
    }

    fn nothing_more(&mut self) {
        assert!(self.heard.try_recv().is_err(), "a push too many");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn server() -> TestServer {
    TestServer::with(|config| config.outbound.allowed_networks = vec!["127.0.0.0/8".into()]).await
}

async fn set(server: &TestServer, user: &str, body: &Value) -> Answer {
    server.ask(Method::POST, "/_matrix/client/v3/pushers/set", user, body.to_string()).await
}

async fn ack(server: &TestServer, user: &str, body: &Value) -> Answer {
    let path = "/_matrix/client/unstable/org.matrix.msc4174/pushers/ack";
    server.ask(Method::POST, path, user, body.to_string()).await
}

async fn ask(server: &TestServer, method: Method, path: &str, user: &str, body: Value) -> Value {
    let path = format!("/_matrix/client/v3/{path}");
    let answer = server.ask(method, &path, user, body.to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {:?}", answer.bytes);
    answer.json()
}

async fn room_of_two(server: &TestServer) -> String {
    let body = json!({"preset": "private_chat", "name": "Salon", "invite": [BOB]});
    let created = ask(server, Method::POST, "createRoom", ALICE, body).await;
    let room_id = created["room_id"].as_str().unwrap().to_owned();
    ask(server, Method::POST, &format!("rooms/{room_id}/join"), BOB, json!({})).await;
    room_id
}

async fn say(server: &TestServer, room_id: &str, txn: &str, body: &str) -> String {
    let path = format!("rooms/{room_id}/send/m.room.message/{txn}");
    let body = json!({"msgtype": "m.text", "body": body});
    let sent = ask(server, Method::PUT, &path, ALICE, body).await;
    sent["event_id"].as_str().unwrap().to_owned()
}

/// Whether a note is signed by the key that the capabilities show (RFC 8292).
async fn check_note(server: &TestServer, headers: &HeaderMap, address: SocketAddr) {
    let capabilities = ask(server, Method::GET, "capabilities", BOB, json!({})).await;
    let shown = &capabilities["capabilities"]["org.matrix.msc4174.webpush"];
    assert_eq!(shown["enabled"], true);
    let note = headers["authorization"].to_str().unwrap();
    let (token, key) = note.strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(shown["vapid"], key);
    let key = VerifyingKey::from_sec1_bytes(&URL_SAFE_NO_PAD.decode(key).unwrap()).unwrap();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = Signature::from_slice(&URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
    key.verify(signed.as_bytes(), &signature).unwrap();
    let claims = URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert_eq!(claims["aud"], format!("http://{address}"));
    assert_eq!(claims["sub"], "https://x.fr");
    let left_s = claims["exp"].as_i64().unwrap() - server.server.now_ms() / 1_000;
    assert!((1..=24 * 60 * 60).contains(&left_s), "{left_s}");
}

#[tokio::test]
async fn a_message_reaches_the_browser_encrypted_and_without_content() {
    let (server, mut browser) = (server().await, Browser::start().await);
    let room_id = room_of_two(&server).await;
    browser.activate(&server, BOB).await;
    let event_id = say(&server, &room_id, "1", "un secret").await;
    let (headers, message) = browser.next().await;
    let expected = json!({
        "event_id": event_id, "room_id": room_id, "counts": {"unread": 1}, "prio": "high",
    });
    assert_eq!(message, expected);
    assert_eq!(headers["content-encoding"], "aes128gcm");
    assert_eq!(headers["urgency"], "high");
    assert_eq!(headers["ttl"], "86400");
    assert_eq!(headers["topic"].len(), 32, "a newer message replaces an older one");
    check_note(&server, &headers, browser.address).await;
    browser.nothing_more();
}

#[tokio::test]
async fn nothing_is_pushed_before_the_browser_proved_that_it_receives() {
    let (server, mut browser) = (server().await, Browser::start().await);
    let room_id = room_of_two(&server).await;
    assert_eq!(set(&server, BOB, &browser.pusher()).await.status, StatusCode::CREATED);
    let (_, first) = browser.next().await;
    settle(&server).await;
    say(&server, &room_id, "1", "too early").await;
    settle(&server).await;
    let wrong = json!({"app_id": "fr.estafette.web", "ack_token": "guessed"});
    assert_eq!(ack(&server, BOB, &wrong).await.json()["errcode"], "M_UNKNOWN_ACTIVATION_TOKEN");
    assert_eq!(ack(&server, ALICE, &first).await.status, StatusCode::NOT_FOUND);
    // Setting it again sends another token, and the first one is worth nothing any more.
    assert_eq!(set(&server, BOB, &browser.pusher()).await.status, StatusCode::CREATED);
    let (_, second) = browser.next().await;
    assert_eq!(ack(&server, BOB, &first).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(ack(&server, BOB, &second).await.status, StatusCode::OK);
    assert_eq!(ack(&server, BOB, &second).await.status, StatusCode::BAD_REQUEST, "used up");
    settle(&server).await;
    let event_id = say(&server, &room_id, "2", "heard").await;
    assert_eq!(browser.next().await.1["event_id"], event_id.as_str());
    // The same subscription again stays active; another secret makes it another one.
    assert_eq!(set(&server, BOB, &browser.pusher()).await.status, StatusCode::OK);
    let mut changed = browser.pusher();
    changed["data"]["auth"] = json!(URL_SAFE_NO_PAD.encode([7; 16]));
    assert_eq!(set(&server, BOB, &changed).await.status, StatusCode::CREATED);
    let pushers = server.server.store.pushers(None).await.unwrap();
    assert!(!is_activated(&pushers[0].1.data));
}

/// Without it one account could keep everybody else from activating a browser.
#[tokio::test]
async fn nobody_takes_up_all_places_of_those_who_wait_for_activation() {
    let (server, browser) = (server().await, Browser::start().await);
    let mut body = browser.pusher();
    let places = estafette_core::limits::PUSHERS_PER_USER_MAX;
    for number in 0..=places {
        body["app_id"] = json!(format!("fr.estafette.{number}"));
        let expected = if number < places { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
        assert_eq!(set(&server, BOB, &body).await.status, expected, "{number}");
    }
    assert_eq!(server.server.push.acks.lock().len() as u64, places);
    assert_eq!(set(&server, ALICE, &browser.pusher()).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn a_token_is_good_for_five_minutes() {
    let (server, mut browser) = (server().await, Browser::start().await);
    set(&server, BOB, &browser.pusher()).await;
    let (_, challenge) = browser.next().await;
    for ack in server.server.push.acks.lock().values_mut() {
        ack.expires_ms -= estafette_core::limits::PUSH_ACK_LIFETIME_MS;
    }
    let answer = ack(&server, BOB, &challenge).await;
    assert_eq!(answer.status, StatusCode::GONE);
    assert_eq!(answer.json()["errcode"], "M_EXPIRED_ACTIVATION_TOKEN");
}

#[tokio::test]
async fn a_subscription_that_is_gone_is_removed() {
    let (server, mut browser) = (server().await, Browser::start().await);
    let room_id = room_of_two(&server).await;
    browser.activate(&server, BOB).await;
    browser.answer.store(410, std::sync::atomic::Ordering::SeqCst);
    say(&server, &room_id, "1", "one").await;
    browser.next().await;
    eventually(async || server.server.store.pushers(None).await.unwrap().is_empty()).await;
}

#[tokio::test]
async fn wrong_subscriptions_are_refused() {
    let (server, browser) = (server().await, Browser::start().await);
    let changed = |path: &str, value: Value| {
        let mut body = browser.pusher();
        *body.pointer_mut(path).unwrap() = value;
        body
    };
    let mut forged = browser.pusher();
    forged["data"]["activated"] = json!(true);
    for body in [
        changed("/pushkey", json!("AAAA")),
        changed("/pushkey", json!("not base64 !")),
        changed("/data/auth", json!("AAAA")),
        changed("/data/auth", json!(null)),
        changed("/data/url", json!("ftp://push.example.fr/x")),
        changed("/data/url", json!(null)),
        forged,
    ] {
        let answer = set(&server, BOB, &body).await;
        assert_eq!(answer.json()["errcode"], "M_INVALID_PARAM", "{body}");
    }
    assert!(server.server.store.pushers(None).await.unwrap().is_empty());
}

// Otherwise every subscription would be void after a restart.
#[test]
fn the_key_is_the_same_after_a_restart_and_belongs_to_its_owner() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let config = crate::config::Config { data_dir: folder.path().to_owned(), ..Default::default() };
    let name = estafette_core::ids::ServerName::parse("x.fr").unwrap();
    let open = || Vapid::open(&config, &name, &OsRandom);
    let first = open().ok().unwrap().public().to_owned();
    assert_eq!(first, open().ok().unwrap().public());
    assert_eq!(URL_SAFE_NO_PAD.decode(&first).unwrap().len(), 65);
    let path = folder.path().join(vapid::KEY_FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::write(&path, "p256 AAAA\n").unwrap();
    assert!(open().is_err(), "a damaged key is not replaced");
}

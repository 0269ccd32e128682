// SPDX-License-Identifier: Apache-2.0
//! What keys and to-device messages cost in the store alone, every write flushed.
//!
//! `cargo bench -p estafette-store --bench keys [-- FOLDER]` prints one line per act. The folder
//! should be on the disk that is meant; the default is one below the build folder.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails may stop"
)]

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, KeyStore as _, ToDeviceStore as _,
    accounts::{NewAccount, NewLogin, TokenHash, TokenPair},
    fact::NoSink,
    keys::{DeviceKeysUpload, KeyClaim, KeyUpload, OneTimeKey},
    sqlite::{SqliteOptions, SqliteStore},
    to_device::{ToDeviceMessage, ToDeviceTxn},
};
use futures_util::{StreamExt as _, stream};

const USERS: usize = 3_000;
const AT_ONCE: usize = 64;
const BATCH: usize = 200;
const REPEATS: usize = 40;

fn user(n: usize) -> UserId {
    UserId::parse(&format!("@user{n}:example.org")).unwrap()
}

fn device() -> DeviceId {
    DeviceId::parse("DEVICE").unwrap()
}

fn upload(n: usize) -> KeyUpload {
    let public = |m: usize| format!("{n:020}{m:023}");
    let signatures =
        format!(r#"{{"@user{n}:example.org":{{"ed25519:DEVICE":"{}"}}}}"#, "s".repeat(86));
    let one_time_keys = (0..50).map(|m| OneTimeKey {
        algorithm: "signed_curve25519".into(),
        key_id: format!("AAAAAAAA{m:03}"),
        key: public(m),
        json: format!(r#"{{"key":"{}","signatures":{signatures}}}"#, public(m)),
    });
    let identity = format!(r#"{{"ed25519:DEVICE":"{}"}}"#, public(50));
    let json = format!(
        r#"{{"algorithms":["m.olm.v1.curve25519-aes-sha2","m.megolm.v1.aes-sha2"],
        "device_id":"DEVICE","keys":{identity},"signatures":{signatures},"user_id":"{}"}}"#,
        user(n)
    );
    KeyUpload {
        device_keys: Some(DeviceKeysUpload { json, identity }),
        one_time_keys: one_time_keys.collect(),
        fallback_keys: Vec::new(),
    }
}

async fn make_device(store: &SqliteStore, n: usize) {
    let tokens =
        TokenPair { access: TokenHash::of(&n.to_string()), expires_ms: None, refresh: None };
    let account = NewAccount {
        user_id: user(n),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: None,
        registration_token: None,
        login: Some(NewLogin { device_id: device(), display_name: None, tokens }),
        now_ms: 0,
    };
    store.create_account(account).await.unwrap();
}

/// Runs `act` for `0..count`, many at once, and prints how many per second.
async fn throughput<F: Future<Output = ()>>(name: &str, count: usize, act: impl Fn(usize) -> F) {
    let start = Instant::now();
    stream::iter((0..count).map(act)).buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    println!("{name}: {:.0} per second", count as f64 / start.elapsed().as_secs_f64());
}

/// Runs `act` again and again, one at a time, and prints the median and the worst.
async fn latency<F: Future<Output = ()>>(name: &str, act: impl Fn(usize) -> F) {
    let mut times: Vec<Duration> = Vec::new();
    for n in 0..REPEATS {
        let start = Instant::now();
        act(n).await;
        times.push(start.elapsed());
    }
    times.sort();
    println!("{name}: median {:?}, worst {:?}", times[REPEATS / 2], times[REPEATS - 1]);
}

async fn run(store: SqliteStore) {
    let store = &store;
    throughput("devices made", USERS, |n| make_device(store, n)).await;
    throughput("device keys and 50 one-time keys", USERS, |n| async move {
        store.upload_keys(&user(n), &device(), upload(n)).await.unwrap();
    })
    .await;
    let users: Vec<_> = (0..BATCH).map(|n| user(n * USERS / BATCH)).collect();
    let start = Instant::now();
    store.user_keys(&users).await.unwrap();
    println!("query 200 users, first time: {:?}", start.elapsed());
    let users = &users;
    latency("query 200 users", |_| async move {
        store.user_keys(users).await.unwrap();
    })
    .await;
    latency("claim 200 keys", |_| async move {
        let claims = users.iter().map(|user_id| KeyClaim {
            user_id: user_id.clone(),
            device_id: device(),
            algorithm: "signed_curve25519".into(),
        });
        assert_eq!(store.claim_keys(claims.collect()).await.unwrap().len(), BATCH);
    })
    .await;
    latency("to-device messages to 200 devices", |n| async move {
        let messages = users.iter().map(|user_id| ToDeviceMessage {
            user_id: user_id.clone(),
            device_id: Some(device()),
            json: "c".repeat(900).into(),
        });
        let txn = ToDeviceTxn {
            sender: user(0),
            device_id: Some(device()),
            event_type: "m.room.encrypted".into(),
            txn_id: n.to_string(),
        };
        store.send_to_device(Some(txn), messages.collect()).await.unwrap();
    })
    .await;
    latency("one to-device message", |n| async move {
        let message = ToDeviceMessage {
            user_id: user(n),
            device_id: Some(device()),
            json: "c".repeat(900).into(),
        };
        store.send_to_device(None, vec![message]).await.unwrap();
    })
    .await;
    latency("read and acknowledge 40 messages", |n| async move {
        let (user_id, device_id) = (&users[n], &device());
        let start = estafette_store::Position(0);
        let messages = store.to_device_after(user_id, device_id, start, 100).await.unwrap();
        let (last, _) = messages.last().unwrap();
        store.acknowledge_to_device(user_id, device_id, *last).await.unwrap();
    })
    .await;
}

fn main() {
    let folder = std::env::args().skip(1).find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")), PathBuf::from);
    let folder = tempfile::tempdir_in(folder).unwrap();
    let options = SqliteOptions::new(folder.path().join("db"));
    let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run(store));
}

// SPDX-License-Identifier: Apache-2.0
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha1::Sha1;

use crate::testing::TestServer;

const TURN: &str = "/v3/voip/turnServer";
const TRANSPORTS: &str = "/unstable/org.matrix.msc4143/rtc/transports";

/// Without it the TURN server, which computes the same, would refuse every call.
#[tokio::test]
async fn turn_credentials_name_their_end_and_are_signed_with_the_shared_secret() {
    let server = TestServer::with(|config| {
        config.calls.turn_uris = vec!["turn:turn.x.fr?transport=udp".into()];
        config.calls.turn_shared_secret = "north".into();
        config.calls.turn_lifetime_s = 600;
    })
    .await;
    let answer = server.get("@a:x.fr", TURN).await;
    // The clock stands at 1 700 000 000 s.
    assert_eq!(answer["username"], "1700000600:@a:x.fr");
    let mut mac = Hmac::<Sha1>::new_from_slice(b"north").unwrap();
    mac.update(b"1700000600:@a:x.fr");
    assert_eq!(answer["password"], STANDARD.encode(mac.finalize().into_bytes()));
    assert_eq!(
        (&answer["ttl"], &answer["uris"]),
        (&json!(600), &json!(["turn:turn.x.fr?transport=udp"]))
    );

    let shared = TestServer::with(|config| {
        config.calls.turn_uris = vec!["turn:turn.x.fr".into()];
        config.calls.turn_username = "all".into();
        config.calls.turn_password = "the same".into();
    })
    .await;
    let answer = shared.get("@a:x.fr", TURN).await;
    assert_eq!((&answer["username"], &answer["password"]), (&json!("all"), &json!("the same")));
    let none = TestServer::start().await;
    assert_eq!(none.get("@a:x.fr", TURN).await, json!({}));
}

/// Without it group calls would find nothing to go through.
#[tokio::test]
async fn the_transports_of_group_calls_come_from_the_configuration() {
    let server = TestServer::with(|config| {
        let transport = "type = \"livekit\"\nlivekit_service_url = \"https://rtc.x.fr\"";
        config.calls.rtc_transports = vec![toml::from_str(transport).unwrap()];
    })
    .await;
    let transport = json!({ "type": "livekit", "livekit_service_url": "https://rtc.x.fr" });
    let answer = server.get("@a:x.fr", TRANSPORTS).await;
    assert_eq!(answer, json!({ "rtc_transports": [transport] }));
    let well_known = server.request("GET", "/.well-known/matrix/client", "", json!(null));
    // No `Host` in this request: the base URL must be known.
    assert_eq!(well_known.await.0, 404);
    let none = TestServer::with(|config| config.public_base_url = "https://x.fr".into()).await;
    assert_eq!(none.get("@a:x.fr", TRANSPORTS).await, json!({ "rtc_transports": [] }));
    let file = none.get("", "/.well-known/matrix/client").await;
    assert_eq!(file, json!({ "m.homeserver": { "base_url": "https://x.fr" } }));
}

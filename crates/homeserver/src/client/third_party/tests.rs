// SPDX-License-Identifier: Apache-2.0
//! Without these people of other networks could not be found, or a bridge that errs would spoil
//! what others say.

use serde_json::{Value, json};

use crate::testing::{Bridge, TestServer};

const NETWORK: &str = "/_matrix/app/v1/thirdparty";

async fn bridged(bridge: &Bridge) -> TestServer {
    let file = bridge.registration("");
    TestServer::with(|config| config.appservices.registrations = vec![file]).await
}

#[tokio::test]
async fn protocols_are_those_that_their_services_describe() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge).await;
    let irc = json!({ "user_fields": ["nick"], "location_fields": ["channel"], "icon": "mxc://x/y",
        "field_types": { "nick": { "regexp": ".", "placeholder": "n" } },
        "instances": [{ "desc": "Net", "network_id": "net", "fields": {} }, "no object"] });
    bridge.answer(&format!("{NETWORK}/protocol/irc"), 200, irc.clone());
    let mut shown = irc;
    shown["instances"].as_array_mut().unwrap().pop();
    shown["instances"][0]["instance_id"] = json!("irc|net");
    let all = server.get("@a:x.fr", "/v3/thirdparty/protocols").await;
    assert_eq!(all, json!({ "irc": shown }));
    assert_eq!(server.get("@a:x.fr", "/v3/thirdparty/protocol/irc").await, shown);
    let other = server.refused("GET", "@a:x.fr", "/v3/thirdparty/protocol/xmpp", Value::Null).await;
    assert_eq!(other, (404, "M_NOT_FOUND".to_owned()));
    bridge.answer(&format!("{NETWORK}/protocol/irc"), 200, json!({ "user_fields": [] }));
    assert_eq!(server.get("@a:x.fr", "/v3/thirdparty/protocols").await, json!({}));
}

#[tokio::test]
async fn look_ups_are_passed_on_without_the_clients_token() {
    let bridge = Bridge::start().await;
    let server = bridged(&bridge).await;
    let user = json!({ "userid": "@irc_bob:x.fr", "protocol": "irc", "fields": { "nick": "bob" } });
    bridge.answer(&format!("{NETWORK}/user"), 200, json!([user, { "userid": 5 }]));
    let place = json!({ "alias": "#irc_x:x.fr", "protocol": "irc", "fields": {} });
    bridge.answer(&format!("{NETWORK}/location"), 200, json!([place]));
    let token = server.register("bob").await;
    // The name as it is may be written in many ways.
    let path = format!("/v3/thirdparty/user/irc?nick=bo%20b&%61ccess%5Ftoken={token}");
    assert_eq!(server.get("", &path).await, json!([user]));
    let asked = bridge.asked.lock().last().unwrap().path.clone();
    assert_eq!(asked, format!("{NETWORK}/user/irc?nick=bo%20b"));
    assert_eq!(server.get("@a:x.fr", "/v3/thirdparty/user?userid=@x:x.fr").await, json!([user]));
    let places = server.get("@a:x.fr", "/v3/thirdparty/location/irc?channel=%23x").await;
    assert_eq!(places, json!([place]));
    assert_eq!(server.get("@a:x.fr", "/v3/thirdparty/location?alias=%23x").await, json!([place]));
    bridge.answer(&format!("{NETWORK}/location"), 500, json!({}));
    for path in ["/v3/thirdparty/location/irc", "/v3/thirdparty/location/xmpp"] {
        let nothing = server.refused("GET", "@a:x.fr", path, Value::Null).await;
        assert_eq!(nothing, (404, "M_NOT_FOUND".to_owned()), "{path}");
    }
}

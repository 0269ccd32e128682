// SPDX-License-Identifier: Apache-2.0
//! Without these a bridge could speak for anybody, or anybody take a bridge's names.

use std::path::PathBuf;

use estafette_core::ids::{RoomAlias, ServerName, UserId};
use http::StatusCode;
use serde_json::{Value, json};

use super::*;
use crate::testing::TestServer;

const FILE: &str = "
id: irc
url: 'http://127.0.0.1:9999'
as_token: as-secret
hs_token: hs-secret
sender_localpart: ircbot
namespaces:
  users:
    - exclusive: true
      regex: '@irc_.*:x\\.fr'
    - exclusive: false
      regex: '@al'
  aliases:
    - exclusive: true
      regex: '#irc_.*'
";

fn load(texts: &[&str]) -> Result<Appservices, RegistrationError> {
    let folder = tempfile::tempdir().unwrap();
    let files: Vec<PathBuf> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| {
            let path = folder.path().join(format!("{index}.yaml"));
            std::fs::write(&path, text).unwrap();
            path
        })
        .collect();
    Appservices::load(&files, &ServerName::parse("x.fr").unwrap())
}

#[test]
fn namespaces_hold_whole_names_of_this_server() {
    let appservices = load(&[FILE]).unwrap();
    let irc = appservices.by_token("as-secret").unwrap();
    let user = |id: &str| UserId::parse(id).unwrap();
    for (id, owned, claimed) in [
        ("@irc_bob:x.fr", true, true),
        ("@ircbot:x.fr", true, true),
        ("@irc_bob:other.fr", false, false),
        ("@alice:x.fr", false, false),
        ("@xirc_bob:x.fr", false, false),
    ] {
        assert_eq!(irc.owns_user(&user(id)), owned, "{id}");
        assert_eq!(appservices.claims_user(&user(id), None), claimed, "{id}");
        assert!(!appservices.claims_user(&user(id), Some(&irc)), "its own names are free to it");
    }
    let alias = RoomAlias::parse("#irc_room:x.fr").unwrap();
    assert!(appservices.claims_alias(&alias, None) && irc.is_interested_in_alias(&alias));
    assert!(appservices.by_token("hs-secret").is_none() && appservices.by_token("").is_none());
}

#[test]
fn wrong_registrations_stop_the_start_with_a_sentence() {
    let same_token = FILE.replace("id: irc", "id: irc2");
    let same_id = FILE.replace("as-secret", "other-secret");
    for texts in [
        vec!["id: x"],
        vec!["["],
        vec![FILE, &same_token],
        vec![FILE, &same_id],
        vec![&FILE.replace("'#irc_.*'", "'('") as &str],
        vec![&FILE.replace("as-secret", "''") as &str],
        vec![&FILE.replace("ircbot", "Irc Bot") as &str],
    ] {
        let error = load(&texts).unwrap_err().to_string();
        assert!(error.contains("application service registration"), "{error}");
        assert!(!error.contains("as-secret"), "no secret in errors: {error}");
    }
    let missing = Appservices::load(&["/nowhere".into()], &ServerName::parse("x.fr").unwrap());
    assert!(matches!(missing, Err(RegistrationError::Unreadable(..))));
    let json = r#"{"id":"j","url":null,"as_token":"a","hs_token":"h","sender_localpart":"j",
        "namespaces":{}}"#;
    assert_eq!(load(&[json]).unwrap().all()[0].url, None, "JSON is YAML");
}

async fn server() -> TestServer {
    TestServer::with(|config| {
        let path = config.data_dir.join("irc.yaml");
        std::fs::write(&path, FILE).unwrap();
        config.appservices.registrations.push(path);
    })
    .await
}

fn registration(name: &str) -> Value {
    json!({ "type": "m.login.application_service", "username": name, "inhibit_login": true })
}

#[tokio::test]
async fn a_bridge_makes_and_speaks_for_its_users_alone() {
    let server = server().await;
    let alice = server.register("alice").await;
    let token = "as-secret";
    let (status, who) = server.request("GET", "/v3/account/whoami", token, Value::Null).await;
    assert_eq!((status, &who["user_id"]), (StatusCode::OK, &json!("@ircbot:x.fr")));
    assert_eq!(who.get("device_id"), None);
    let register = async |token: &str, name: &str| {
        let (status, answer) =
            server.request("POST", "/v3/register", token, registration(name)).await;
        (status.as_u16(), answer["errcode"].clone())
    };
    assert_eq!(register(token, "irc_bob").await, (200, Value::Null));
    assert_eq!(register(token, "irc_bob").await, (400, json!("M_USER_IN_USE")));
    assert_eq!(register(token, "carol").await, (400, json!("M_EXCLUSIVE")));
    assert_eq!(register(&alice, "irc_carol").await, (403, json!("M_FORBIDDEN")));
    assert_eq!(register("", "irc_carol").await, (403, json!("M_FORBIDDEN")));
    let person = json!({ "username": "irc_eve", "password": "12345678" });
    let (_, answer) = server.request("POST", "/v3/register", "", person).await;
    assert_eq!(answer["errcode"], "M_EXCLUSIVE");

    for (user, status) in [
        ("@irc_bob:x.fr", 200),
        ("@irc_nobody:x.fr", 403),
        ("@alice:x.fr", 403),
        ("@irc_bob:other.fr", 403),
        ("nonsense", 400),
    ] {
        let path = format!("/v3/account/whoami?user_id={user}");
        let (got, _) = server.request("GET", &path, token, Value::Null).await;
        assert_eq!(got.as_u16(), status, "{user}");
        let (_, own) = server.request("GET", &path, &alice, Value::Null).await;
        assert_eq!(own["user_id"], "@alice:x.fr", "people speak for themselves alone");
    }
}

#[tokio::test]
async fn a_bridge_manages_devices_of_its_users_without_a_password() {
    let server = server().await;
    let token = "as-secret";
    server.request("POST", "/v3/register", token, registration("irc_bob")).await;
    let login = |user: &str| {
        json!({ "type": "m.login.application_service", "device_id": "A",
            "identifier": { "type": "m.id.user", "user": user } })
    };
    for (token, user, status, errcode) in [
        (token, "irc_bob", 200, Value::Null),
        (token, "alice", 400, json!("M_EXCLUSIVE")),
        (token, "irc_nobody", 403, json!("M_FORBIDDEN")),
        ("wrong", "irc_bob", 403, json!("M_FORBIDDEN")),
        ("", "irc_bob", 403, json!("M_FORBIDDEN")),
    ] {
        let (got, answer) = server.request("POST", "/v3/login", token, login(user)).await;
        assert_eq!((got.as_u16(), &answer["errcode"]), (status, &errcode), "{token} {user}");
    }
    let path = "/v3/devices/B?user_id=@irc_bob:x.fr";
    let name = json!({ "display_name": "B" });
    assert_eq!(server.request("PUT", path, token, name.clone()).await.0, StatusCode::CREATED);
    assert_eq!(server.request("PUT", path, token, name).await.0, StatusCode::OK);
    let as_device = "/v3/account/whoami?user_id=@irc_bob:x.fr&device_id=";
    let (_, who) = server.request("GET", &format!("{as_device}B"), token, Value::Null).await;
    assert_eq!(who["device_id"], "B");
    let (status, who) = server.request("GET", &format!("{as_device}C"), token, Value::Null).await;
    assert_eq!((status, &who["errcode"]), (StatusCode::BAD_REQUEST, &json!("M_UNKNOWN_DEVICE")));
    assert_eq!(server.request("DELETE", path, token, Value::Null).await.0, StatusCode::OK);
    assert_eq!(server.request("GET", path, token, Value::Null).await.0, StatusCode::NOT_FOUND);
}

// SPDX-License-Identifier: Apache-2.0
//! What whoever has no password asks of a client of the legacy API, through the pages and the
//! Matrix endpoints together.

use estafette_homeserver::auth::give_sso_token;
use estafette_store::{IdentityStore as _, accounts::TokenHash, identity::BrowserSession};
use http::Method;
use serde_json::{Value, json};

use super::*;

const PAGE: &str = "/_estafette/account/confirm";
const HOUR_MS: i64 = 60 * MINUTE_MS;

/// Somebody with an address and no password, and their client.
struct Person {
    user_id: UserId,
    token: String,
    device_id: String,
    /// The cookie of the browser in which they just signed in.
    cookie: String,
}

impl Site {
    async fn passwordless(&self, localpart: &str) -> Person {
        self.person(localpart, &format!("{localpart}@x.fr")).await;
        let user_id = UserId::from_localpart(localpart, &self.server.server_name).unwrap();
        self.server.store.set_password(&user_id, None, None).await.unwrap();
        let login_token = give_sso_token(&self.server, &user_id).unwrap();
        let body = json!({ "type": "m.login.token", "token": login_token });
        let request = Request::post("/_matrix/client/v3/login");
        let answer = self.send(request, HOME, body.to_string()).await;
        let login: Value = serde_json::from_str(&answer.body).unwrap();
        let said = |name: &str| login[name].as_str().unwrap().to_owned();
        let cookie = self.browser_of(&user_id, localpart).await;
        Person { token: said("access_token"), device_id: said("device_id"), user_id, cookie }
    }

    /// The cookie of a browser in which somebody has just signed in by a code or a provider.
    async fn browser_of(&self, user_id: &UserId, name: &str) -> String {
        // 32 bytes in URL-safe Base64.
        let secret = format!("{name:x<42}A");
        let now_ms = self.server.now_ms();
        let session = BrowserSession {
            user_id: user_id.clone(),
            created_ms: now_ms,
            proven_ms: now_ms,
            seen_ms: now_ms,
            expires_ms: now_ms + 24 * HOUR_MS,
            name: String::new(),
        };
        let key = TokenHash::of(&secret);
        self.server.store.start_browser_session(key, session).await.unwrap();
        format!("__Host-estafette={secret}")
    }

    async fn call(&self, method: &str, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("/_matrix/client{path}"))
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"));
        let answer = self.send(request, HOME, body.to_string()).await;
        (answer.status.as_u16(), serde_json::from_str(&answer.body).unwrap_or_default())
    }

    async fn open(&self, path: &str, cookie: &str) -> Answer {
        let request = Request::get(path).header("cookie", cookie).header("accept-language", "en");
        self.send(request, HOME, String::new()).await
    }

    /// Presses the button of the page as whoever was shown `form`.
    async fn press(&self, form: &Answer, session: &str, cookie: &str) -> Answer {
        let token = form.body.split("name=\"form_token\" value=\"").nth(1).unwrap();
        let token = token.split('"').next().unwrap();
        let request = Request::post(PAGE)
            .header("cookie", cookie)
            .header("content-type", "application/x-www-form-urlencoded");
        self.send(request, HOME, format!("form_token={token}&session={session}")).await
    }
}

fn page(session: &str) -> String {
    format!("{PAGE}?session={session}")
}

fn fallback(session: &str) -> String {
    format!("/v3/auth/m.login.sso/fallback/web?session={session}")
}

fn with_session(body: &Value, session: &str) -> Value {
    let mut body = body.clone();
    body["auth"] = json!({ "session": session });
    body
}

fn master_key(user_id: &UserId, letter: &str) -> Value {
    let public = format!("{}A", letter.repeat(42));
    let keys = json!({ format!("ed25519:{public}"): public });
    json!({ "master_key": { "user_id": user_id, "usage": ["master"], "keys": keys } })
}

/// Begins what needs a proof. The id of the session.
async fn begin(site: &Site, person: &Person, (method, path): (&str, &str), body: &Value) -> String {
    let (status, challenge) = site.call(method, path, &person.token, body).await;
    assert_eq!(status, 401, "{path}: {challenge}");
    assert_eq!(challenge["flows"], json!([{ "stages": ["m.login.sso"] }]), "{path}");
    challenge["session"].as_str().unwrap().to_owned()
}

/// Otherwise whoever has no password replaces no keys, signs out no device and never leaves: all
/// they are offered is what they cannot do.
#[tokio::test]
async fn whoever_has_no_password_confirms_on_the_pages_whatever_a_legacy_client_asks() {
    let site = Site::start().await;
    let mallory = site.passwordless("mallory").await;
    let asked = [
        ("a", "DELETE", "/v3/devices/OTHER", json!({}), "sign a device out"),
        ("b", "POST", "/v3/delete_devices", json!({ "devices": ["X", "Y"] }), "sign 2 devices out"),
        ("c", "POST", "/v1/login/get_token", json!({}), "sign another device in"),
        ("d", "POST", "/v3/account/password", json!({ "new_password": PASSWORD }), "password"),
        ("e", "POST", "/v3/account/deactivate", json!({ "erase": true }), "delete your account"),
        ("f", "POST", "/v3/keys/device_signing/upload", json!({}), "reset your digital identity"),
    ];
    for (name, method, path, mut body, says) in asked {
        let person = site.passwordless(name).await;
        if path.contains("device_signing") {
            let first = master_key(&person.user_id, "B");
            assert_eq!(site.call(method, path, &person.token, &first).await.0, 200);
            body = master_key(&person.user_id, "C");
        }
        let session = begin(&site, &person, (method, path), &body).await;
        let go_on = with_session(&body, &session);

        let opened = site.open(&format!("/_matrix/client{}", fallback(&session)), "").await;
        let link = format!("href=\"{}\"", page(&session));
        assert!(
            opened.body.contains(&link) && opened.body.contains("onAuthDone"),
            "{}",
            opened.body
        );
        let (status, _) = site.call("POST", &fallback(&session), "", &json!({})).await;
        assert_eq!(status, 403, "{path}: nobody said yes");

        let nobody = site.open(&page(&session), "").await;
        assert!(nobody.headers["location"].to_str().unwrap().contains("/sign-in?continue="));
        let stranger = site.open(&page(&session), &mallory.cookie).await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND, "{path}");
        let own = site.open("/_estafette/account", &mallory.cookie).await;
        let stranger = site.press(&own, &session, &mallory.cookie).await;
        assert_eq!(stranger.status, StatusCode::NOT_FOUND, "{path}");
        assert_eq!(site.call(method, path, &person.token, &go_on).await.0, 401, "{path}");

        let shown = site.open(&page(&session), &person.cookie).await;
        assert!(shown.body.contains(says), "{path}: {}", shown.body);
        assert!(shown.body.contains(&person.device_id), "{path}: {}", shown.body);
        let done = site.press(&shown, &session, &person.cookie).await;
        let back = format!("/_matrix/client{}", fallback(&session));
        assert_eq!(done.headers.get("location").unwrap(), back.as_str(), "{}", done.body);
        assert_eq!(site.call("POST", &fallback(&session), "", &json!({})).await.0, 200, "{path}");

        let (status, answer) = site.call(method, path, &person.token, &go_on).await;
        assert_eq!(status, 200, "{path}: {answer}");
        let gone = site.open(&page(&session), &person.cookie).await;
        assert_ne!(gone.status, StatusCode::OK, "{path}: it was for once");
        if path.contains("device_signing") {
            let third = with_session(&master_key(&person.user_id, "D"), &session);
            assert_eq!(site.call(method, path, &person.token, &third).await.0, 401, "once");
        }
    }
}

/// Otherwise a browser that was left open, or a session of long ago, is leave enough.
#[tokio::test]
async fn leave_is_of_somebody_who_has_just_signed_in_and_for_a_request_under_way() {
    let site = Site::start().await;
    let person = site.passwordless("a").await;
    let body = json!({ "devices": [person.device_id] });
    let request = ("POST", "/v3/delete_devices");
    let session = begin(&site, &person, request, &body).await;
    // Another request of the same person is another matter.
    let other = with_session(&json!({ "devices": ["X"] }), &session);
    assert_eq!(site.call("POST", "/v3/delete_devices", &person.token, &other).await.0, 403);
    site.clock.advance(11 * MINUTE_MS);
    let shown = site.open(&page(&session), &person.cookie).await;
    assert_eq!(shown.status, StatusCode::OK);
    let pressed = site.press(&shown, &session, &person.cookie).await;
    let to = pressed.headers["location"].to_str().unwrap();
    assert!(to.contains("/sign-in?continue=") && to.contains(&session), "{to}");
    assert_eq!(site.call("POST", &fallback(&session), "", &json!({})).await.0, 403);

    let cookie = site.browser_of(&person.user_id, "again").await;
    site.clock.advance(5 * MINUTE_MS);
    let late = site.open(&page(&session), &cookie).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND, "the session is over");
    let account = site.open("/_estafette/account", &cookie).await;
    let late = site.press(&account, &session, &cookie).await;
    assert_eq!(late.status, StatusCode::NOT_FOUND);
    assert_eq!(site.call("POST", &fallback(&session), "", &json!({})).await.0, 404);
}

/// Otherwise whoever has a password is asked for a code to their mailbox, or has no choice.
#[tokio::test]
async fn whoever_has_a_password_may_use_it_or_the_pages() {
    let site = Site::start().await;
    let answer = site.log_in("alice", PASSWORD, HOME, "").await;
    let login: Value = serde_json::from_str(&answer.body).unwrap();
    let token = login["access_token"].as_str().unwrap();
    let body = json!({ "devices": ["X"] });
    let (_, challenge) = site.call("POST", "/v3/delete_devices", token, &body).await;
    let both = json!([{ "stages": ["m.login.password"] }, { "stages": ["m.login.sso"] }]);
    assert_eq!(challenge["flows"], both);
}

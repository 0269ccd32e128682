// SPDX-License-Identifier: Apache-2.0
//! The flows of the specification, through the real routes.

mod consent;
mod device;
mod exact;
mod theft;

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, accounts::TokenHash};
use http::{Request, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{
    config::MailTransport,
    testing::{Answer, TestBrowser, TestIdentity, hidden_fields},
};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "https://app.example.com/callback?x=y";
const SCOPE: &str = "urn:matrix:client:api:* urn:matrix:client:device:DEVICEDEVICE";

/// A client that speaks to the endpoints, as clients do: without cookies.
struct Client<'a> {
    site: &'a TestIdentity,
    id: String,
}

impl<'a> Client<'a> {
    /// Registers.
    async fn register(site: &'a TestIdentity) -> Self {
        let (status, answer) = register(site, &metadata()).await;
        assert_eq!(status, StatusCode::CREATED, "{answer}");
        Self { site, id: answer["client_id"].as_str().unwrap().to_owned() }
    }

    /// The path that the browser is sent to, with some parameters replaced or, where empty, left
    /// out.
    fn authorize(&self, change: &[(&str, &str)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
        let mut params = vec![
            ("response_type", "code"),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("scope", SCOPE),
            ("state", "a state & more"),
            ("response_mode", "fragment"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        for (name, value) in change {
            params.retain(|(known, _)| known != name);
            if !value.is_empty() {
                params.push((name, value));
            }
        }
        format!("/oauth2/authorize?{}", serde_urlencoded::to_string(params).unwrap())
    }

    /// Signs somebody in who consents, and returns the code.
    async fn code(&self, browser: &mut TestBrowser<'_>) -> String {
        browser.open(&self.authorize(&[])).await;
        let page = browser.follow().await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        let answer = browser.submit("/_estafette/consent", &[("decision", "allow")]).await;
        param(answer.location(), "code")
    }

    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
        post(self.site, path, fields).await
    }

    async fn exchange(&self, code: &str, change: &[(&str, &str)]) -> (StatusCode, Value) {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &self.id),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
        ];
        for (name, value) in change {
            fields.retain(|(known, _)| known != name);
            fields.push((name, value));
        }
        self.post("/oauth2/token", &fields).await
    }

    async fn refresh(&self, token: &str) -> (StatusCode, Value) {
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", &self.id)];
        self.post("/oauth2/token", &fields).await
    }

    /// The tokens of somebody who signs in and consents.
    async fn tokens(&self, browser: &mut TestBrowser<'_>) -> (String, String) {
        let code = self.code(browser).await;
        let (status, answer) = self.exchange(&code, &[]).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        tokens(&answer)
    }
}

fn metadata() -> Value {
    json!({
        "client_name": "My App",
        "client_uri": "https://example.com/",
        "redirect_uris": [REDIRECT, "com.example.app:/callback"],
        "grant_types": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "response_types": ["code"],
        "application_type": "native",
        "token_endpoint_auth_method": "none",
    })
}

async fn register(site: &TestIdentity, metadata: &Value) -> (StatusCode, Value) {
    let request = Request::post("/oauth2/register")
        .header("host", "chat.x.fr")
        .header("content-type", "application/json");
    let answer = site.send(request.body(Body::from(metadata.to_string())).unwrap()).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

async fn post(site: &TestIdentity, path: &str, fields: &[(&str, &str)]) -> (StatusCode, Value) {
    let request = Request::post(path)
        .header("host", "chat.x.fr")
        .header("content-type", "application/x-www-form-urlencoded");
    let body = Body::from(serde_urlencoded::to_string(fields).unwrap());
    let answer = site.send(request.body(body).unwrap()).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    (answer.status, serde_json::from_str(&answer.body).unwrap())
}

fn tokens(answer: &Value) -> (String, String) {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}

/// A parameter of a redirect.
fn param(location: &str, name: &str) -> String {
    let (_, answer) = location.rsplit_once(['#', '?']).unwrap_or_default();
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(answer).unwrap();
    let found = pairs.into_iter().find(|(known, _)| known == name);
    found.unwrap_or_else(|| panic!("no {name} in {location}")).1
}

/// Whether the homeserver lets a token in.
async fn is_in(site: &TestIdentity, token: &str) -> bool {
    let session = site.identity.store.session(&TokenHash::of(token)).await.unwrap();
    let Some(session) = session else { return false };
    let now_ms = site.identity.host.now_ms();
    // As the homeserver does with the first use of a pair.
    if !session.confirmed {
        let store = &site.identity.store;
        store.confirm_session(session.device_nid, session.generation).await.unwrap();
    }
    session.expires_ms.is_none_or(|expires| expires > now_ms)
}

/// Somebody who is signed in with a browser.
async fn alice(site: &TestIdentity) -> (UserId, TestBrowser<'_>) {
    let user_id = site.account("alice", "correct horse").await;
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in?continue=/").await;
    let fields = [("who", "alice"), ("password", "correct horse")];
    let answer = browser.submit("/_estafette/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    (user_id, browser)
}

/// Otherwise clients do not find the endpoints, or believe in ones that are not there.
#[tokio::test]
async fn the_metadata_names_endpoints_that_are_there() {
    let site = TestIdentity::start();
    for path in [
        "/_matrix/client/v1/auth_metadata",
        "/_matrix/client/unstable/org.matrix.msc2965/auth_metadata",
        "/.well-known/oauth-authorization-server",
    ] {
        let request = Request::get(path).header("host", "chat.x.fr").body(Body::empty()).unwrap();
        let answer = site.send(request).await;
        let metadata: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(metadata["issuer"], "http://chat.x.fr/");
        for name in [
            "token_endpoint",
            "revocation_endpoint",
            "registration_endpoint",
            "device_authorization_endpoint",
        ] {
            let url = metadata[name].as_str().unwrap();
            let path = url.strip_prefix("http://chat.x.fr").unwrap();
            let answer = site.send(Request::post(path).body(Body::from("")).unwrap()).await;
            assert_ne!(answer.status, StatusCode::NOT_FOUND, "{name}");
            assert_ne!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{name}");
        }
        assert!(metadata["account_management_uri"].as_str().unwrap().starts_with("http://chat"));
    }
    *site.host.base_url.lock() = Some("https://chat.x.fr".into());
    let request = Request::get("/_matrix/client/v1/auth_metadata").header("host", "evil.fr");
    let answer = site.send(request.body(Body::empty()).unwrap()).await;
    assert!(!answer.body.contains("evil"), "the operator's word counts");
}

/// Otherwise nobody can sign in at all.
#[tokio::test]
async fn somebody_signs_in_consents_and_the_client_is_in() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    site.account("alice", "correct horse").await;
    let mut browser = site.browser();
    browser.open(&client.authorize(&[])).await;
    browser.follow().await;
    let page = browser.follow().await;
    assert!(page.body.contains("name=\"password\""), "{}", page.body);
    let fields = [("who", "alice"), ("password", "correct horse")];
    browser.submit("/_estafette/sign-in", &fields).await;
    let page = browser.follow().await;
    for shown in ["My App", "example.com", "DEVICEDEVICE", "@alice:x.fr"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https://app.example.com"), "{policy}");
    let answer = browser.submit("/_estafette/consent", &[("decision", "allow")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(answer.location().starts_with(&format!("{REDIRECT}#code=")), "{}", answer.location());
    assert_eq!(param(answer.location(), "state"), "a state & more");
    let code = param(answer.location(), "code");
    let (status, answer) = client.exchange(&code, &[]).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(answer["token_type"], "Bearer");
    assert_eq!(answer["expires_in"], 900);
    assert_eq!(answer["scope"], SCOPE);
    let (access, refresh) = tokens(&answer);
    assert!(is_in(&site, &access).await);
    let devices =
        site.identity.store.devices(&UserId::parse("@alice:x.fr").unwrap()).await.unwrap();
    assert_eq!(devices[0].device_id.as_str(), "DEVICEDEVICE");
    assert_eq!(devices[0].display_name.as_deref(), Some("My App"));
    site.host.advance(900_000);
    assert!(!is_in(&site, &access).await, "access tokens are short-lived");
    let (status, answer) = client.refresh(&refresh).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert!(is_in(&site, &tokens(&answer).0).await);
}

/// Otherwise a client that asks for a new account is shown the wrong page.
#[tokio::test]
async fn a_new_account_is_made_first_where_the_client_says_so() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let answer = site.browser().open(&client.authorize(&[("prompt", "create")])).await;
    assert!(answer.location().starts_with("/_estafette/consent?"), "it is not offered");
    let folder = tempfile::tempdir().unwrap();
    let site = TestIdentity::with(|config| {
        config.sign_up.enabled = true;
        config.policy.open = true;
        config.mail.transport = MailTransport::Folder;
        config.mail.from = "estafette@x.fr".into();
        config.mail.folder = folder.path().into();
    });
    let client = Client::register(&site).await;
    let mut browser = site.browser();
    let answer = browser.open(&client.authorize(&[("prompt", "create")])).await;
    let location = answer.location();
    assert!(location.starts_with("/_estafette/sign-up?continue="), "{location}");
    assert!(param(location, "continue").starts_with("/_estafette/consent?"));
}

/// Otherwise this server sends browsers wherever anybody wishes (open redirect), with codes.
#[tokio::test]
async fn nobody_is_sent_to_where_no_client_is() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    for change in [
        ("redirect_uri", "https://evil.fr/"),
        ("redirect_uri", "https://app.example.com/callback"),
        ("redirect_uri", "https://app.example.com/callback?x=y#z"),
        ("redirect_uri", ""),
        ("client_id", "unknown"),
        ("client_id", ""),
    ] {
        let asked = client.authorize(&[change]);
        let consent = asked.replace("/oauth2/authorize", "/_estafette/consent");
        for path in [&asked, &consent] {
            let answer = browser.open(path).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{change:?}");
            assert_eq!(answer.location(), "");
            assert!(answer.body.contains("wrong request"), "{}", answer.body);
        }
        // Nor when the form is made to say so.
        browser.open(&client.authorize(&[])).await;
        browser.follow().await;
        let query = asked.split_once('?').unwrap().1;
        let fields = [("decision", "allow"), ("query", query)];
        let answer = browser.submit("/_estafette/consent", &fields).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
        assert_eq!(answer.location(), "");
    }
}

/// Otherwise a client waits for an answer that never comes, or goes on without PKCE.
#[tokio::test]
async fn what_is_wrong_is_told_to_the_client() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    for (change, code) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("response_type", ""), "invalid_request"),
        (("response_mode", "form_post"), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("scope", "openid"), "invalid_scope"),
        (("scope", "urn:matrix:client:api:*"), "invalid_scope"),
        (("prompt", "none"), "interaction_required"),
        (("request", "x"), "request_not_supported"),
    ] {
        let answer = browser.open(&client.authorize(&[change])).await;
        assert!(answer.location().starts_with(REDIRECT), "{change:?}: {}", answer.location());
        assert_eq!(param(answer.location(), "error"), code, "{change:?}");
        assert_eq!(param(answer.location(), "state"), "a state & more");
        assert_eq!(param(answer.location(), "iss"), "http://x.fr/");
    }
    browser.open(&client.authorize(&[("response_mode", "query")])).await;
    browser.follow().await;
    let answer = browser.submit("/_estafette/consent", &[("decision", "deny")]).await;
    assert!(answer.location().starts_with(&format!("{REDIRECT}&error=")), "{}", answer.location());
    assert_eq!(param(answer.location(), "error"), "access_denied");
}

/// Otherwise a page elsewhere consents in somebody's name, or a form that says nothing does.
#[tokio::test]
async fn only_a_person_who_says_yes_consents() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let path = client.authorize(&[]);
    let query = path.split_once('?').unwrap().1;
    let forged = serde_urlencoded::to_string([("query", query), ("decision", "allow")]).unwrap();
    let answer = browser.post("/_estafette/consent", &forged).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    browser.open(&path).await;
    browser.follow().await;
    let answer = browser.submit("/_estafette/consent", &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let mut stranger = site.browser();
    stranger.open(&path).await;
    let answer = stranger.follow().await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="));
}

/// Otherwise a wrong request reads like a broken server.
#[tokio::test]
async fn wrong_token_requests_are_refused_in_the_words_of_the_rfc() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    for (fields, status, code) in [
        (vec![], 400, "invalid_request"),
        (
            vec![("grant_type", "password"), ("client_id", &*client.id)],
            400,
            "unsupported_grant_type",
        ),
        (vec![("grant_type", "refresh_token"), ("client_id", "x")], 401, "invalid_client"),
        (vec![("grant_type", "refresh_token"), ("client_id", &client.id)], 400, "invalid_request"),
        (vec![("client_id", &*client.id), ("client_id", &client.id)], 400, "invalid_request"),
    ] {
        let (got, answer) = client.post("/oauth2/token", &fields).await;
        assert_eq!((got.as_u16(), answer["error"].as_str().unwrap()), (status, code), "{fields:?}");
    }
    let (status, answer) = register(&site, &json!({ "client_uri": "http://example.com/" })).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(answer["error"], "invalid_client_metadata");
    let again = Client::register(&site).await;
    assert_eq!(again.id, client.id, "equal metadata is one client");
}

fn body_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// Otherwise a stranger fills the server with clients.
#[tokio::test]
async fn new_clients_are_limited_and_known_ones_are_not() {
    let site = TestIdentity::start();
    let mut refused = 0;
    for number in 0..40 {
        let mut sent = metadata();
        sent["client_name"] = json!(format!("App {number}"));
        let (status, _) = register(&site, &sent).await;
        refused += u32::from(status == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused >= 15, "{refused}");
    let mut known = metadata();
    known["client_name"] = json!("App 0");
    for _ in 0..30 {
        assert_eq!(register(&site, &known).await.0, StatusCode::CREATED);
    }
    let long = json!({ "client_uri": "https://example.com/", "x": "a".repeat(20_000) });
    let request = Request::post("/oauth2/register").body(Body::from(long.to_string())).unwrap();
    let answer = site.send(request).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(body_of(&answer)["error"], "invalid_request");
}

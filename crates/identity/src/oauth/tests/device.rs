// SPDX-License-Identifier: Apache-2.0
//! Device grants (RFC 8628).

use super::*;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl Client<'_> {
    async fn start(&self) -> (String, String) {
        let fields = [("client_id", &*self.id), ("scope", SCOPE)];
        let (status, answer) = self.post("/oauth2/device", &fields).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        let complete = format!("{}?user_code={}", text("verification_uri"), text("user_code"));
        assert_eq!(text("verification_uri_complete"), complete);
        assert_eq!((&answer["expires_in"], &answer["interval"]), (&json!(1200), &json!(5)));
        (text("device_code"), text("user_code"))
    }

    async fn poll(&self, device_code: &str) -> Value {
        let fields = [("grant_type", GRANT), ("device_code", device_code), ("client_id", &self.id)];
        self.post("/oauth2/token", &fields).await.1
    }
}

/// Otherwise a device without a browser cannot be signed in, or is in before anybody allowed it.
#[tokio::test]
async fn a_device_waits_until_somebody_allows_it() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let (device_code, user_code) = client.start().await;
    assert_eq!(client.poll(&device_code).await["error"], "authorization_pending");
    let page = browser.open(&format!("/_estafette/device?user_code={user_code}")).await;
    assert!(page.body.contains(&user_code) && !page.body.contains("My App"), "{}", page.body);
    let typed = user_code.to_lowercase().replace('-', " ");
    let page = browser.submit("/_estafette/device", &[("user_code", &typed)]).await;
    assert!(page.body.contains("My App") && page.body.contains("DEVICEDEVICE"), "{}", page.body);
    site.host.advance(5_000);
    assert_eq!(client.poll(&device_code).await["error"], "authorization_pending");
    let page = browser.submit("/_estafette/device", &[("decision", "allow")]).await;
    assert!(page.body.contains("Device allowed"), "{}", page.body);
    let answer = client.poll(&device_code).await;
    assert_eq!(answer["scope"], SCOPE, "{answer}");
    assert!(is_in(&site, &tokens(&answer).0).await);
    assert_eq!(client.poll(&device_code).await["error"], "invalid_grant", "once");
}

/// Otherwise clients hammer the server, wait for ever, or take a no for a yes.
#[tokio::test]
async fn polls_follow_the_rules_of_the_rfc() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let (device_code, user_code) = client.start().await;
    assert_eq!(client.poll("unknown").await["error"], "invalid_grant");
    assert_eq!(client.poll(&device_code).await["error"], "authorization_pending");
    site.host.advance(4_999);
    assert_eq!(client.poll(&device_code).await["error"], "slow_down");
    site.host.advance(9_999);
    assert_eq!(client.poll(&device_code).await["error"], "slow_down", "5 s more");
    site.host.advance(15_000);
    assert_eq!(client.poll(&device_code).await["error"], "authorization_pending");
    browser.open("/_estafette/device").await;
    browser.submit("/_estafette/device", &[("user_code", &user_code)]).await;
    browser.submit("/_estafette/device", &[("decision", "deny")]).await;
    assert_eq!(client.poll(&device_code).await["error"], "access_denied");
    let (device_code, user_code) = client.start().await;
    site.host.advance(1_200_000);
    browser.open("/_estafette/device").await;
    let page = browser.submit("/_estafette/device", &[("user_code", &user_code)]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(client.poll(&device_code).await["error"], "expired_token");
}

/// Otherwise somebody who guesses codes lets their own account, or another's, in elsewhere.
#[tokio::test]
async fn codes_cannot_be_guessed() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    client.start().await;
    let mut statuses = Vec::new();
    for _ in 0..12 {
        browser.open("/_estafette/device").await;
        let page = browser.submit("/_estafette/device", &[("user_code", "BBBB-BBBB")]).await;
        statuses.push(page.status);
    }
    assert!(statuses.contains(&StatusCode::TOO_MANY_REQUESTS), "{statuses:?}");
    let mut stranger = site.browser();
    let answer = stranger.open("/_estafette/device?user_code=BBBB-BBBB").await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="));
}

/// Otherwise what was allowed before a change of password is still good after.
#[tokio::test]
async fn an_allowed_grant_ends_with_the_password() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    let (device_code, user_code) = client.start().await;
    browser.open("/_estafette/device").await;
    browser.submit("/_estafette/device", &[("user_code", &user_code)]).await;
    browser.submit("/_estafette/device", &[("decision", "allow")]).await;
    site.identity.store.set_password(&user_id, None, None).await.unwrap();
    assert_eq!(client.poll(&device_code).await["error"], "invalid_grant");
}

/// Otherwise a client that registered for nothing of the kind signs people in on other devices.
#[tokio::test]
async fn only_clients_that_registered_for_it_start_a_grant() {
    let site = TestIdentity::start();
    let mut sent = metadata();
    sent["grant_types"] = json!(["authorization_code", "refresh_token"]);
    let id = register(&site, &sent).await.1["client_id"].as_str().unwrap().to_owned();
    let client = Client { site: &site, id };
    let fields = [("client_id", &*client.id), ("scope", SCOPE)];
    let (status, answer) = client.post("/oauth2/device", &fields).await;
    assert_eq!(
        (status, &answer["error"]),
        (StatusCode::BAD_REQUEST, &json!("unauthorized_client"))
    );
    assert_eq!(client.poll("x").await["error"], "unauthorized_client");
    let client = Client::register(&site).await;
    let fields = [("client_id", &*client.id), ("scope", "openid")];
    assert_eq!(client.post("/oauth2/device", &fields).await.1["error"], "invalid_scope");
}

/// Otherwise one source fills the places of all, and nobody elsewhere signs in on a device.
#[tokio::test]
async fn who_floods_with_grants_ends_their_own() {
    use estafette_core::limits::OAUTH_DEVICE_GRANTS_PER_SOURCE;
    let site = TestIdentity::start();
    site.host.limits.store(false, std::sync::atomic::Ordering::SeqCst);
    let client = Client::register(&site).await;
    let (owners, _) = client.start().await;
    let flood = async || {
        let fields = serde_urlencoded::to_string([("client_id", &*client.id), ("scope", SCOPE)]);
        let request = Request::post("/oauth2/device")
            .header("host", "x.fr")
            .header("x-test-address", "10.9.9.9")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = site.send(request.body(Body::from(fields.unwrap())).unwrap()).await;
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        answer["device_code"].as_str().unwrap().to_owned()
    };
    let first = flood().await;
    for _ in 1..OAUTH_DEVICE_GRANTS_PER_SOURCE {
        flood().await;
    }
    assert_eq!(client.poll(&first).await["error"], "authorization_pending");
    let last = flood().await;
    assert_eq!(client.poll(&first).await["error"], "invalid_grant", "its oldest gave way");
    assert_eq!(client.poll(&last).await["error"], "authorization_pending");
    assert_eq!(client.poll(&owners).await["error"], "authorization_pending");
}

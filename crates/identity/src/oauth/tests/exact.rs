// SPDX-License-Identifier: Apache-2.0
//! Without these a request that goes by no standard is half understood, or an answer never arrives.

use super::*;

/// Otherwise a client waits for ever: its request is lost on the way by the sign-in page.
#[tokio::test]
async fn a_request_arrives_or_is_refused_at_once() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    site.account("alice", "correct horse").await;
    for (letters, arrives) in [(3_000, true), (5_000, false)] {
        let state = "s".repeat(letters);
        let mut browser = site.browser();
        let answer = browser.open(&client.authorize(&[("state", &state)])).await;
        if !arrives {
            assert_eq!(param(answer.location(), "error"), "invalid_request");
            assert_eq!(param(answer.location(), "state"), state);
            continue;
        }
        browser.follow().await;
        browser.follow().await;
        let fields = [("who", "alice"), ("password", "correct horse")];
        browser.submit("/_estafette/sign-in", &fields).await;
        browser.follow().await;
        let answer = browser.submit("/_estafette/consent", &[("decision", "allow")]).await;
        assert_eq!(param(answer.location(), "state"), state);
    }
}

#[tokio::test]
async fn what_is_given_twice_is_told_to_whom_it_is_certain() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let path = client.authorize(&[]);
    for (twice, told, state) in [
        ("&scope=x", true, "a state & more"),
        ("&foo=1&foo=2", true, "a state & more"),
        ("&state=2", true, ""),
        ("&client_id=x", false, ""),
        ("&redirect_uri=x", false, ""),
    ] {
        let answer = browser.open(&format!("{path}{twice}")).await;
        assert_eq!(answer.location().starts_with(REDIRECT), told, "{twice}");
        if !told {
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{twice}");
            continue;
        }
        assert_eq!(param(answer.location(), "error"), "invalid_request", "{twice}");
        assert_eq!(answer.location().contains("state="), !state.is_empty(), "{twice}");
    }
    let mut silent = metadata();
    silent["response_types"] = json!([]);
    let (status, answer) = register(&site, &silent).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    let silent = Client { site: &site, id: answer["client_id"].as_str().unwrap().to_owned() };
    let answer = browser.open(&silent.authorize(&[])).await;
    assert_eq!(param(answer.location(), "error"), "unauthorized_client");
}

#[tokio::test]
async fn token_requests_are_forms_of_public_clients() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let (_, refresh) = client.tokens(&mut browser).await;
    let fields =
        [("grant_type", "refresh_token"), ("refresh_token", &*refresh), ("client_id", &client.id)];
    let body = serde_urlencoded::to_string(fields).unwrap();
    for (name, value, status, code) in [
        ("content-type", "application/json", 400, "invalid_request"),
        ("authorization", "Basic ZXZpbDp4", 401, "invalid_client"),
    ] {
        let request = Request::post("/oauth2/token").header(name, value);
        let answer = site.send(request.body(Body::from(body.clone())).unwrap()).await;
        assert_eq!((answer.status.as_u16(), &body_of(&answer)["error"]), (status, &json!(code)));
        assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401);
    }
    for (scope, granted) in [
        ("openid", false),
        ("urn:matrix:client:api:* urn:matrix:client:device:OTHER", false),
        ("urn:matrix:client:api:*", true),
    ] {
        let mut fields = fields.to_vec();
        fields.push(("scope", scope));
        let (status, answer) = client.post("/oauth2/token", &fields).await;
        assert_eq!(status == StatusCode::OK, granted, "{scope}: {answer}");
        if !granted {
            assert_eq!(answer["error"], "invalid_scope");
        }
    }
    let request = Request::post("/oauth2/token").header("host", "x.fr");
    let request =
        request.header("content-type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    let answer = site.send(request.body(Body::from(body)).unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
}

/// Otherwise nothing happens in Chromium after "Allow": CSP has no IPv6 addresses.
#[tokio::test]
async fn a_page_leads_back_to_where_no_form_may_lead() {
    let site = TestIdentity::start();
    let mut known = metadata();
    known["redirect_uris"] = json!(["http://[::1]/cb", "com.example.app:/cb", REDIRECT]);
    let (_, answer) = register(&site, &known).await;
    let client = Client { site: &site, id: answer["client_id"].as_str().unwrap().to_owned() };
    let (_, mut browser) = alice(&site).await;
    for place in ["http://[::1]:4567/cb", "com.example.app:/cb"] {
        for decision in ["allow", "deny"] {
            let change = [("redirect_uri", place), ("response_mode", "query")];
            browser.open(&client.authorize(&change)).await;
            let page = browser.follow().await;
            let policy = page.headers["content-security-policy"].to_str().unwrap();
            assert!(policy.ends_with("form-action 'self'"), "{policy}");
            let page = browser.submit("/_estafette/consent", &[("decision", decision)]).await;
            assert_eq!((page.status, page.location()), (StatusCode::OK, ""));
            assert_eq!(page.headers["cache-control"], "no-store");
            let url = page.body.split("content=\"0;url=").nth(1).unwrap();
            let url = url.split('"').next().unwrap();
            let answer = if decision == "allow" { "code=" } else { "error=access_denied" };
            assert!(url.starts_with(&format!("{place}?{answer}")), "{url}");
            assert!(page.body.contains(&format!("href=\"{url}\"")), "{}", page.body);
        }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What somebody is told before they let an application in.

use estafette_core::ids::DeviceId;
use estafette_store::{
    PeopleStore as _,
    accounts::{AccountFlag, NewLogin, TokenPair},
    oauth::ADMINISTRATION_SCOPE,
    people::PersonDetails,
};

use super::*;

/// Otherwise anybody's application says that the State publishes it.
#[tokio::test]
async fn a_publisher_is_named_as_such_where_the_redirect_proves_it() {
    let site = TestIdentity::start();
    let mut known = metadata();
    known["redirect_uris"] = json!(["https://example.com/cb", "com.example.app:/callback"]);
    let (_, answer) = register(&site, &known).await;
    let client = Client { site: &site, id: answer["client_id"].as_str().unwrap().to_owned() };
    let (_, mut browser) = alice(&site).await;
    browser.open(&client.authorize(&[("redirect_uri", "https://example.com/cb")])).await;
    let page = browser.follow().await;
    assert!(page.body.contains("<dt>Published at</dt><dd>example.com</dd>"), "{}", page.body);
    let private = [("redirect_uri", "com.example.app:/callback")];
    browser.open(&client.authorize(&private)).await;
    let page = browser.follow().await;
    assert!(!page.body.contains("<dt>Published at</dt>"), "{}", page.body);
    let unproven = "<dt>Says it is published at (not checked)</dt><dd>example.com</dd>";
    assert!(page.body.contains(unproven), "{}", page.body);
}

/// Otherwise whoever has a sub-domain, as anybody may below a public suffix, is named as the holder of
/// the domain, and nobody is told where the access goes.
#[tokio::test]
async fn a_sub_domain_is_not_the_domain() {
    let site = TestIdentity::start();
    let mut below = metadata();
    below["redirect_uris"] = json!(["https://evil.example.com/cb"]);
    let (_, answer) = register(&site, &below).await;
    let client = Client { site: &site, id: answer["client_id"].as_str().unwrap().to_owned() };
    let (_, mut browser) = alice(&site).await;
    browser.open(&client.authorize(&[("redirect_uri", "https://evil.example.com/cb")])).await;
    let page = browser.follow().await;
    assert!(!page.body.contains("<dt>Published at</dt>"), "{}", page.body);
    let goes_to = "<dt>Access will be given to</dt><dd>evil.example.com</dd>";
    assert!(page.body.contains(goes_to), "{}", page.body);
}

/// Otherwise an administrator who signs in to a client for messages hands it the whole server, or
/// one who wants to administer is not told what that means.
#[tokio::test]
async fn the_administration_is_given_to_whoever_has_it_and_asks_for_it() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    let wanted = format!("{SCOPE} {ADMINISTRATION_SCOPE}");
    for (is_admin, asked, given) in
        [(false, &*wanted, SCOPE), (true, SCOPE, SCOPE), (true, &wanted, &wanted)]
    {
        let store = &site.identity.store;
        store.set_account_flag(&user_id, AccountFlag::Admin, is_admin).await.unwrap();
        browser.open(&client.authorize(&[("scope", asked)])).await;
        let page = browser.follow().await;
        let administers = given == wanted;
        let told = page.body.contains("close accounts and name administrators");
        assert_eq!(told, administers, "{is_admin} {asked}: {}", page.body);
        let answer = browser.submit("/_estafette/consent", &[("decision", "allow")]).await;
        let (_, answer) = client.exchange(&param(answer.location(), "code"), &[]).await;
        assert_eq!(answer["scope"], given);
        let access = TokenHash::of(answer["access_token"].as_str().unwrap());
        let session = store.session(&access).await.unwrap().unwrap();
        assert_eq!((session.is_admin, session.administers), (is_admin, administers));
    }
}

/// Otherwise an agent is warned of her ministry's own application.
#[tokio::test]
async fn the_servers_own_client_is_named_so() {
    let site = TestIdentity::start();
    *site.host.base_url.lock() = Some("https://chat.example.com".into());
    let mut own = metadata();
    own["redirect_uris"] = json!(["https://chat.example.com/", REDIRECT]);
    let (_, answer) = register(&site, &own).await;
    let client = Client { site: &site, id: answer["client_id"].as_str().unwrap().to_owned() };
    let (_, mut browser) = alice(&site).await;
    for (redirect_uri, ours) in [("https://chat.example.com/", true), (REDIRECT, false)] {
        browser.open(&client.authorize(&[("redirect_uri", redirect_uri)])).await;
        let page = browser.follow().await;
        assert_eq!(page.body.contains("<dt>Part of</dt><dd>Estafette</dd>"), ours, "{}", page.body);
        assert_eq!(page.body.contains("Allow this only if"), !ours, "{}", page.body);
    }
}

/// Otherwise one lets an application into a colleague's account on a shared machine.
#[tokio::test]
async fn people_see_whose_account_it_is() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    let store = &site.identity.store;
    let details = PersonDetails { email: Some("a@x.fr".into()), ..PersonDetails::default() };
    store.put_person(&user_id, details).await.unwrap();
    store.set_profile_field(&user_id, "displayname", Some("\"Alice <i>\"")).await.unwrap();
    browser.open(&client.authorize(&[])).await;
    let consent = browser.follow().await;
    let account = browser.open("/_estafette/account").await;
    for page in [consent, account] {
        for text in ["Alice &lt;i&gt;", "a@x.fr", user_id.as_str()] {
            assert!(page.body.contains(text), "{text}: {}", page.body);
        }
    }
}

/// Otherwise an application takes the device of another one, and nobody notices.
#[tokio::test]
async fn people_see_which_device_an_application_would_take() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    let show = async |browser: &mut TestBrowser<'_>| {
        browser.open(&client.authorize(&[])).await;
        browser.follow().await.body
    };
    assert!(!show(&mut browser).await.contains("device already"));
    let device_id = DeviceId::parse("DEVICEDEVICE").unwrap();
    let tokens = TokenPair { access: TokenHash::of("other"), expires_ms: None, refresh: None };
    let name = Some("Phone".to_owned());
    let login = NewLogin { device_id, display_name: name, tokens };
    site.identity.store.log_in(&user_id, login, 0).await.unwrap();
    let page = show(&mut browser).await;
    assert!(page.contains("your device “Phone”, which another application uses"), "{page}");
    let (access, _) = client.tokens(&mut browser).await;
    assert!(!is_in(&site, "other").await, "its tokens are replaced, as the specification says");
    assert!(is_in(&site, &access).await);
    let page = show(&mut browser).await;
    assert!(page.contains("signed in on this device already"), "{page}");
    assert!(!page.contains("another application uses"), "{page}");
}

/// Otherwise whoever wants a second account at a shared machine is put into the first.
#[tokio::test]
async fn whoever_is_signed_in_is_asked_before_a_new_account_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let site = TestIdentity::with(|config| {
        config.sign_up.enabled = true;
        config.policy.open = true;
        config.mail.transport = MailTransport::Folder;
        config.mail.from = "estafette@x.fr".into();
        config.mail.folder = folder.path().into();
    });
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    let page = browser.open(&client.authorize(&[("prompt", "create")])).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("You have an account already"), "{}", page.body);
    assert!(page.body.contains("@alice:x.fr"), "{}", page.body);
    assert!(page.body.contains("href=\"/_estafette/consent?"), "{}", page.body);
    let answer = browser.submit("/_estafette/sign-out", &[]).await;
    assert!(answer.location().starts_with("/_estafette/sign-up?continue=%2F_estafette%2Fconsent"));
    let page = browser.follow().await;
    assert!(page.body.contains("name=\"address\""), "{}", page.body);
}

/// Otherwise people type what their application knows already, or a link fills in anything.
#[tokio::test]
async fn a_hint_fills_in_who_it_is_and_nothing_else() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    for (hint, filled_in) in [
        ("a@x.fr", "a@x.fr"),
        ("mxid:@alice:x.fr", "@alice:x.fr"),
        ("@alice:x.fr", "@alice:x.fr"),
        ("mxid:a@x.fr", ""),
        ("Call 555-1234 at once", ""),
        ("\" autofocus onfocus=\"alert(1)", ""),
    ] {
        let mut browser = site.browser();
        browser.open(&client.authorize(&[("login_hint", hint)])).await;
        browser.follow().await;
        let page = browser.follow().await;
        let field = format!("name=\"who\" type=\"text\" value=\"{filled_in}\"");
        assert!(page.body.contains(&field), "{hint}: {}", page.body);
    }
}

/// Otherwise a client whose account is locked for an hour throws its keys away (the specification:
/// after 4xx it is logged out, after 5xx it tries again).
#[tokio::test]
async fn a_locked_accounts_refresh_token_waits_and_is_not_used_up() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (user_id, mut browser) = alice(&site).await;
    let (_, refresh) = client.tokens(&mut browser).await;
    let store = &site.identity.store;
    store.set_account_flag(&user_id, AccountFlag::Locked, true).await.unwrap();
    for _ in 0..2 {
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", &refresh),
            ("client_id", &client.id),
        ];
        let body = serde_urlencoded::to_string(fields).unwrap();
        let request = Request::post("/oauth2/token")
            .header("host", "chat.x.fr")
            .header("content-type", "application/x-www-form-urlencoded");
        let answer = site.send(request.body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers["retry-after"], "60");
        assert_eq!(body_of(&answer)["error"], "temporarily_unavailable");
    }
    store.set_account_flag(&user_id, AccountFlag::Locked, false).await.unwrap();
    let (status, answer) = client.refresh(&refresh).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

/// Otherwise an application that is opened again from the page gets a used code, and the session
/// that the first one began ends.
#[tokio::test]
async fn an_application_opened_twice_gets_a_code_each_time() {
    let site = TestIdentity::start();
    let client = Client::register(&site).await;
    let (_, mut browser) = alice(&site).await;
    browser.open(&client.authorize(&[])).await;
    let page = browser.follow().await;
    let (path, mut form) = hidden_fields(&page.body, "/_estafette/consent");
    form.push(("decision".into(), "allow".into()));
    let form = serde_urlencoded::to_string(form).unwrap();
    let first = browser.post(&path, &form).await;
    let second = browser.post(&path, &form).await;
    assert!(first.location().starts_with(REDIRECT), "{}", first.location());
    assert_ne!(param(first.location(), "code"), param(second.location(), "code"));
}

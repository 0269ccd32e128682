// SPDX-License-Identifier: Apache-2.0
use estafette_store::IdentityStore as _;
use http::StatusCode;

use super::target::Target;
use crate::{
    config::MailTransport,
    testing::{Answer, PROVIDER, TestBrowser, TestIdentity},
};

const START: &str = "/_matrix/client/v3/login/sso/redirect";
const CLIENT: &str = "https://app.example.com/?a=b&loginToken=old#/home";

fn start(provider: &str, pairs: &[(&str, &str)]) -> String {
    format!("{START}{provider}?{}", serde_urlencoded::to_string(pairs).unwrap())
}

async fn sign_in(browser: &mut TestBrowser<'_>) -> Answer {
    browser.submit("/_estafette/sign-in", &[("who", "alice"), ("password", "correct horse")]).await
}

/// Otherwise people of older clients cannot sign in, or a link alone lets somebody in.
#[tokio::test]
async fn a_client_is_let_in_by_whoever_signed_in_and_said_yes() {
    let site = TestIdentity::start();
    let user_id = site.account("alice", "correct horse").await;
    let mut browser = site.browser();
    let answer = browser.open(&start("", &[("redirectUrl", CLIENT)])).await;
    assert_eq!(answer.status, StatusCode::FOUND);
    let answer = browser.follow().await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "{}", answer.body);
    browser.follow().await;
    sign_in(&mut browser).await;
    let page = browser.follow().await;
    assert_eq!(page.status, StatusCode::OK, "nobody is let in without being asked");
    for text in ["<strong>app.example.com</strong>", user_id.as_str()] {
        assert!(page.body.contains(text), "{text}: {}", page.body);
    }
    let csp = page.headers["content-security-policy"].to_str().unwrap();
    assert!(csp.contains("form-action 'self' https://app.example.com"), "{csp}");
    let path = "/_estafette/single-sign-on";
    let forged = serde_urlencoded::to_string([("redirect_url", CLIENT), ("decision", "allow")]);
    let answer = browser.post(path, &forged.unwrap()).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "a form from elsewhere");
    let page =
        format!("{path}?{}", serde_urlencoded::to_string([("redirectUrl", CLIENT)]).unwrap());
    browser.open(&page).await;
    let answer = browser.submit(path, &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "neither yes nor no");
    browser.open(&page).await;
    let answer = browser.submit(path, &[("decision", "deny")]).await;
    assert_eq!(answer.location(), "/_estafette/account");
    browser.open(&page).await;
    let answer = browser.submit(path, &[("decision", "allow")]).await;
    let expected = "https://app.example.com/?a=b&loginToken=token-of-%40alice%3Ax.fr#/home";
    assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, expected));
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    // Whose session ends between the page and the button is asked again after signing in.
    browser.open(&page).await;
    site.identity.store.end_browser_sessions(&user_id, None).await.unwrap();
    let answer = browser.submit(path, &[("decision", "allow")]).await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "{}", answer.body);
    browser.follow().await;
    sign_in(&mut browser).await;
    let again = browser.follow().await;
    assert!(again.body.contains("<strong>app.example.com</strong>"), "{}", again.body);
    let changed = [("redirect_url", "javascript:alert(1)"), ("decision", "allow")];
    browser.open(&page).await;
    assert_eq!(browser.submit(path, &changed).await.status, StatusCode::BAD_REQUEST);
}

/// Otherwise a client's button leads to another provider, or to a page without words.
#[tokio::test]
async fn a_provider_or_a_new_account_comes_first_where_the_client_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let site = TestIdentity::with(|config| {
        config.upstream = vec![toml::from_str(PROVIDER).unwrap()];
        config.sign_up.enabled = true;
        config.policy.open = true;
        config.mail.transport = MailTransport::Folder;
        config.mail.from = "estafette@x.fr".into();
        config.mail.folder = folder.path().into();
    });
    let asked = [("redirectUrl", CLIENT)];
    let mut browser = site.browser();
    let answer = browser.open(&start("/idp", &asked)).await;
    let to = "/_estafette/upstream/idp?continue=%2F_estafette%2Fsingle-sign-on%3FredirectUrl";
    assert_eq!(answer.status, StatusCode::FOUND);
    assert!(answer.location().starts_with(to), "{}", answer.location());
    let answer = browser.open(&start("/other", &asked)).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(answer.body.contains("<h1>"), "{}", answer.body);
    for name in ["action", "org.matrix.msc3824.action"] {
        let answer = browser.open(&start("", &[asked[0], (name, "register")])).await;
        let to = "/_estafette/sign-up?continue=%2F_estafette%2Fsingle-sign-on";
        assert!(answer.location().starts_with(to), "{}", answer.location());
    }
    let answer = browser.open(&start("", &[asked[0], ("action", "login")])).await;
    assert!(answer.location().starts_with("/_estafette/single-sign-on?"));
}

/// Otherwise a token goes to a script, to a file, or to a host that was not shown.
#[tokio::test]
async fn what_is_no_place_of_a_client_is_refused() {
    let site = TestIdentity::start();
    let long = format!("https://app.example.com/{}", "a".repeat(1_024));
    for bad in [
        "",
        "app.example.com",
        "//app.example.com",
        "http://app.example.com/",
        "https://",
        "https:app.example.com",
        "https://app.example.com@evil.com/",
        "https://app.example.com\\@evil.com/",
        "https://app.example.com\t.evil.com/",
        "https://app.example.com/ x",
        "https://app.example.com/\nx",
        "https://аpp.example.com/",
        "HTTPS://app.example.com/",
        "https://app.example.com/#a#b",
        "javascript:alert(1)",
        "Javascript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "intent://x#Intent;scheme=y;end",
        "microsoft-edge:https://evil.example/",
        "googlechromes://evil",
        "x-safari-https://evil",
        "https.://evil.example/",
        "element:",
        "element://a@b",
        &long,
    ] {
        let answer = site.browser().open(&start("", &[("redirectUrl", bad)])).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{bad}");
        let page = start("", &[("redirectUrl", bad)]).replace(START, "/_estafette/single-sign-on");
        assert_eq!(site.browser().open(&page).await.status, StatusCode::BAD_REQUEST, "{bad}");
    }
}

/// Otherwise the token is not where the client looks, or another's is there too.
#[test]
fn the_token_is_put_where_the_client_looks_for_it() {
    for (url, place, expected) in [
        ("https://a.fr", "a.fr", "https://a.fr?loginToken=T"),
        ("https://a.fr:8443/x?y=1", "a.fr:8443", "https://a.fr:8443/x?y=1&loginToken=T"),
        ("https://a.fr/?login%54oken=x&z", "a.fr", "https://a.fr/?z&loginToken=T"),
        ("https://a.fr/?#/x?loginToken=1", "a.fr", "https://a.fr/?loginToken=T#/x?loginToken=1"),
        ("http://localhost:8080/", "localhost:8080", "http://localhost:8080/?loginToken=T"),
        ("element://connect", "element://connect", "element://connect?loginToken=T"),
        (
            "fr.evil.app://host/x?y#z",
            "fr.evil.app://host/x",
            "fr.evil.app://host/x?y&loginToken=T#z",
        ),
        ("im.fluffychat:/login", "im.fluffychat:/login", "im.fluffychat:/login?loginToken=T"),
    ] {
        let target = Target::parse(url).unwrap();
        assert_eq!((target.place(), target.with_token("T").as_str()), (place, expected), "{url}");
    }
}

// SPDX-License-Identifier: Apache-2.0
use http::StatusCode;
use maud::html;

use super::{Page, language::Language, layout, local_path};
use crate::testing::TestIdentity;

/// Otherwise a link to our sign-in page could send people to a page that looks like ours.
#[test]
fn only_paths_of_this_server_are_gone_on_to() {
    for good in ["/", "/oauth2/authorize?a=b&c=%2F%2Fevil", "/_estafette/account#x"] {
        assert_eq!(local_path(good), Some(good));
    }
    let long = format!("/{}", "a".repeat(5_000));
    for bad in [
        "",
        "x",
        "//evil",
        "/\\evil",
        "https://evil",
        "/\t/evil",
        "/a\\b",
        "/a b",
        "/é",
        "/a\r\nX: y",
        "javascript:alert(1)",
        &long,
    ] {
        assert_eq!(local_path(bad), None, "{bad}");
    }
}

/// Otherwise a page could be framed, cached, or run what somebody smuggled into it.
#[tokio::test]
async fn every_page_is_confined() {
    let site = TestIdentity::start();
    let mut browser = site.browser();
    let page = browser.open("/_estafette/sign-in").await;
    let header = |name: &str| page.headers.get(name).map_or("", |value| value.to_str().unwrap());
    let policy = header("content-security-policy");
    for part in
        ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe"));
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("x-frame-options"), "DENY");
    assert_eq!(header("referrer-policy"), "no-referrer");
    assert!(!page.body.contains("<script") && !page.body.contains("style=\""));
    let cookie = header("set-cookie");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Lax"), "{cookie}");
    let style = page.body.split("stylesheet\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(browser.open(style).await.status, StatusCode::OK);
}

/// Otherwise whoever hears the title of the window alone takes a page that refuses for the one that
/// was asked for (WCAG 2.4.2).
#[tokio::test]
async fn the_title_says_that_something_did_not_work() {
    let site = TestIdentity::start();
    let mut browser = site.browser();
    let mut title = async |language: &'static str, path: &str, who: Option<&str>| {
        browser.language = language;
        let page = browser.open(path).await;
        let page = match who {
            Some(who) => browser.submit(path, &[("who", who), ("password", "x")]).await,
            None => page,
        };
        let title = page.body.split("<title>").nth(1).unwrap();
        title.split("</title>").next().unwrap().to_owned()
    };
    let sign_in = "/_estafette/sign-in";
    let asked = title("en", sign_in, None).await;
    assert!(!asked.contains("Error"), "{asked}");
    assert_eq!(title("en", sign_in, Some("nobody")).await, format!("Error: {asked}"));
    let refused = title("fr", sign_in, Some("nobody")).await;
    assert!(refused.starts_with("Erreur\u{a0}: "), "{refused}");
    let missing = title("fr", "/_estafette/nothing", None).await;
    assert!(missing.starts_with("Erreur\u{a0}: Page introuvable"), "{missing}");
}

/// Otherwise whoever signs in, up or out is led to a page of a server without a client, in another
/// language.
#[tokio::test]
async fn without_a_web_client_whoever_goes_nowhere_goes_to_their_account() {
    let site = TestIdentity::start();
    site.account("alice", "correct horse").await;
    let account = "/_estafette/account";
    for (client, into, place) in [(true, "/?signed-in", "/"), (false, account, account)] {
        site.host.web_client.store(client, std::sync::atomic::Ordering::SeqCst);
        let mut browser = site.browser();
        browser.open("/_estafette/sign-in").await;
        let fields = [("who", "alice"), ("password", "correct horse")];
        let answer = browser.submit("/_estafette/sign-in", &fields).await;
        assert_eq!(answer.location(), into, "a client asks once more whom it takes for a stranger");
        browser.open("/_estafette/account").await;
        let fields = [("continue", "/")];
        assert_eq!(browser.submit("/_estafette/sign-out", &fields).await.location(), place);
        let elsewhere = [("continue", "/_estafette/device")];
        browser.open("/_estafette/sign-in").await;
        browser
            .submit("/_estafette/sign-in", &[("who", "alice"), ("password", "correct horse")])
            .await;
        browser.open("/_estafette/account").await;
        let answer = browser.submit("/_estafette/sign-out", &elsewhere).await;
        assert_eq!(answer.location(), "/_estafette/device");
    }
}

/// Otherwise the cookie could be set by another host or read in clear.
#[tokio::test]
async fn over_https_the_cookie_belongs_to_this_host_alone() {
    let site = TestIdentity::start();
    *site.host.base_url.lock() = Some("https://chat.x.fr".into());
    let page = site.browser().open("/_estafette/sign-in").await;
    let cookie = page.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-estafette=") && cookie.ends_with("; Secure"), "{cookie}");
}

/// Otherwise somebody reads a page in the wrong language.
#[tokio::test]
async fn the_language_is_the_readers() {
    let site = TestIdentity::start();
    for (asked, lang) in [
        ("", "fr"),
        ("de", "fr"),
        ("en", "en"),
        ("en-GB,fr;q=0.5", "en"),
        ("de, fr;q=0.8, en;q=0.9", "en"),
        ("fr-FR, en", "fr"),
        ("en;q=nan, fr;q=0.1", "fr"),
    ] {
        let mut browser = site.browser();
        browser.language = asked;
        let page = browser.open("/_estafette/sign-in").await;
        assert!(page.body.contains(&format!("<html lang=\"{lang}\">")), "{asked}");
    }
}

/// Otherwise a redirect URI could write itself into the policy of a page.
#[tokio::test]
async fn a_form_may_lead_to_a_scheme_or_a_host_and_to_nothing_else() {
    let site = TestIdentity::start();
    let policy = |target: &str| {
        let page = Page::new("t", html! {}).may_lead_to(target);
        let answer = layout::response(&site.identity, Language::French, &page);
        let policy = answer.headers()["content-security-policy"].to_str().unwrap().to_owned();
        policy.split("form-action 'self'").nth(1).unwrap().to_owned()
    };
    assert_eq!(policy("https://client.fr/cb?x=y"), " https://client.fr");
    assert_eq!(policy("http://127.0.0.1:1234/cb"), " http://127.0.0.1:1234");
    for bad in [
        "fr.x.app:/callback",
        "http://[::1]:1234/cb",
        "https:client",
        "x",
        "https://a; script-src *",
        "a b:c",
    ] {
        assert_eq!(policy(bad), "", "{bad}");
    }
}

/// Otherwise people meet a line of English, and programs something that is no JSON.
#[tokio::test]
async fn what_the_router_does_not_take_is_said_in_the_words_of_the_page() {
    let site = TestIdentity::with(|config| {
        config.upstream = vec![toml::from_str(crate::testing::PROVIDER).unwrap()];
    });
    let mut browser = site.browser();
    browser.language = "fr";
    let is_page = |answer: &crate::testing::Answer, title: &str| {
        assert_eq!(answer.headers["content-type"], "text/html; charset=utf-8");
        assert!(answer.headers.contains_key("content-security-policy"));
        assert!(answer.body.contains("<html lang=\"fr\""), "{}", answer.body);
        assert!(answer.body.contains(title), "{}", answer.body);
    };
    for twice in [
        "sign-in?continue=/&continue=/",
        "sign-in/mail?continue=/&continue=/",
        "sign-up?address=a&address=b",
        "account?action=x&action=y",
        "device?user_code=A&user_code=B",
        "renew?token=a&token=b",
        "password/link?token=a&token=b",
        "password/reset?continue=/&continue=/",
        "single-sign-on?redirectUrl=https://a.fr/&redirectUrl=https://b.fr/",
        "upstream/idp?continue=/&continue=/",
        "upstream/idp/callback?state=a&state=b",
        "upstream/%ff?continue=/",
    ] {
        let answer = browser.open(&format!("/_estafette/{twice}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{twice}");
        is_page(&answer, "Demande incomprise");
    }
    for posted in ["sign-out", "renew/mail", "account/deactivate", "account/directory"] {
        let answer = browser.open(&format!("/_estafette/{posted}")).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{posted}");
        assert_eq!(answer.headers["allow"], "POST");
        is_page(&answer, "Cette page ne se rouvre pas");
        assert!(answer.body.contains("href=\"/_estafette/account\""), "{}", answer.body);
    }
    let answer = browser.post("/_estafette/nosuch", "a=b").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    is_page(&answer, "Page introuvable");
    for beginning in ["/_estafette", "/_estafette/"] {
        assert_eq!(browser.open(beginning).await.location(), "/_estafette/account");
    }
    let lookup = "/_estafette/identity/v1/lookup";
    let twice = browser.open(&format!("{lookup}?address=a@x.fr&address=b@x.fr")).await;
    let posted = browser.post(lookup, "address=a@x.fr").await;
    for (answer, status, errcode) in [
        (twice, StatusCode::BAD_REQUEST, "M_INVALID_PARAM"),
        (posted, StatusCode::METHOD_NOT_ALLOWED, "M_UNRECOGNIZED"),
    ] {
        assert_eq!(answer.status, status);
        let said: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(said["errcode"], errcode);
    }
}

/// Otherwise browsers write an accent in the domain of an address in Punycode, unseen, and the code
/// goes to a domain that is nobody's.
#[tokio::test]
async fn addresses_reach_the_server_as_they_were_typed() {
    let site = crate::sign_up::tests::Site::start();
    let (mut known, _) = site.sign_up("a@important.com").await;
    let mut stranger = site.test.browser();
    for path in ["/_estafette/sign-up", "/_estafette/password/reset", "/_estafette/account/address"]
    {
        let browser = if path.contains("account") { &mut known } else { &mut stranger };
        let page = browser.open(path).await;
        assert!(page.body.contains("name=\"address\" type=\"text\""), "{path}: {}", page.body);
        assert!(page.body.contains("inputmode=\"email\"") && !page.body.contains("type=\"email\""));
    }
}

/// Otherwise whoever signed in in another tab, or whose telephone ended the browser, loses what
/// they typed and where they were going.
#[tokio::test]
async fn a_page_that_has_expired_begins_again_with_what_was_typed() {
    let site = crate::sign_up::tests::Site::start();
    let onward = "/oauth2/authorize?x";
    for (path, field) in [
        ("/_estafette/sign-in", "who"),
        ("/_estafette/sign-in/mail", "address"),
        ("/_estafette/sign-up", "address"),
        ("/_estafette/password/reset", "address"),
    ] {
        let mut browser = site.test.browser();
        browser.open(&crate::code::with_onward(path, onward)).await;
        browser.cookie = None;
        let fields = [(field, "a@important.com"), ("password", "correct horse")];
        let expired = browser.submit(path, &fields).await;
        assert_eq!(expired.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!expired.body.contains("correct horse"), "{}", expired.body);
        let link = "?continue=%2Foauth2%2Fauthorize%3Fx&amp;login_hint=a%40important.com";
        assert!(expired.body.contains(&format!("href=\"{path}{link}\"")), "{}", expired.body);
        let page = browser.open(&format!("{path}{}", link.replace("&amp;", "&"))).await;
        assert!(page.body.contains("value=\"a@important.com\""), "{}", page.body);
        assert!(page.body.contains(&format!("value=\"{onward}\"")), "{}", page.body);
        // Nothing that leads elsewhere is put into a link, and nothing that is no address.
        let body = format!("form_token=x&continue=https%3A%2F%2Fevil&{field}=%3Cb%3Ecall+us");
        let expired = browser.post(path, &body).await;
        assert!(expired.body.contains(&format!("href=\"{path}\"")), "{}", expired.body);
        assert!(!expired.body.contains("evil") && !expired.body.contains("call"));
    }
    assert!(site.mails().await.is_empty(), "a link did something");
}

/// Otherwise somebody sits before a page that leads nowhere.
#[tokio::test]
async fn no_page_is_a_dead_end() {
    let site = TestIdentity::start();
    let mut browser = site.browser();
    let missing = browser.open("/_estafette/nothing").await;
    assert!(missing.body.contains("href=\"/_estafette/account\""), "{}", missing.body);
    let posted = browser.open("/_estafette/sign-out").await;
    assert!(posted.body.contains("href=\"/_estafette/account\""), "{}", posted.body);
}

// SPDX-License-Identifier: Apache-2.0
use estafette_core::{
    guesses::Standing,
    ids::{DeviceId, UserId},
};
use estafette_store::{
    AccountDataStore as _, AccountStore as _, IdentityStore as _, OauthStore as _,
    PeopleStore as _,
    accounts::{AccountFlag, NewLogin, TokenHash, TokenPair},
    people::RED_LIST,
};
use http::StatusCode;

use crate::{
    host::Host as _,
    sign_up::tests::Site,
    testing::{TestBrowser, TestIdentity},
};

const ACCOUNT: &str = "/_estafette/account";

async fn signed_in<'a>(site: &'a TestIdentity, who: &str) -> (UserId, TestBrowser<'a>) {
    let user_id = site.account(who, "correct horse").await;
    let mut browser = site.browser();
    sign_in(&mut browser, who).await;
    (user_id, browser)
}

async fn sign_in(browser: &mut TestBrowser<'_>, who: &str) {
    browser.open("/_estafette/sign-in").await;
    let fields = [("who", who), ("password", "correct horse")];
    let answer = browser.submit("/_estafette/sign-in", &fields).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
}

async fn device(site: &TestIdentity, user_id: &UserId, id: &str, token: &str) -> DeviceId {
    let device_id = DeviceId::parse(id).unwrap();
    let tokens = TokenPair { access: TokenHash::of(token), expires_ms: None, refresh: None };
    let name = Some(format!("Phone <{id}>"));
    let login = NewLogin { device_id: device_id.clone(), display_name: name, tokens };
    site.identity.store.log_in(user_id, login, 0).await.unwrap();
    device_id
}

async fn is_in(site: &TestIdentity, token: &str) -> bool {
    site.identity.store.session(&TokenHash::of(token)).await.unwrap().is_some()
}

/// Otherwise links of clients lead nowhere, or to somebody else's account.
#[tokio::test]
async fn every_advertised_action_has_a_page_after_signing_in() {
    let site = TestIdentity::start();
    let (user_id, mut browser) = signed_in(&site, "alice").await;
    device(&site, &user_id, "D1", "token").await;
    let overview = browser.open(ACCOUNT).await.body;
    for action in crate::oauth::ACCOUNT_ACTIONS {
        let path = format!("{ACCOUNT}?action={action}&device_id=D1");
        let page = browser.open(&path).await;
        assert_eq!(page.status, StatusCode::OK, "{action}");
        assert_ne!(page.body, overview, "{action}");
        assert!(!page.body.contains("<D1>"), "names are escaped");
        let answer = site.browser().open(&path).await;
        assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "{action}");
    }
    let (_, mut other) = signed_in(&site, "mallory").await;
    for action in ["device_view", "device_delete", "cross_signing_reset"] {
        let page = other.open(&format!("{ACCOUNT}?action=org.matrix.{action}&device_id=D1")).await;
        // One that is gone leads to those that are there.
        let known = if action == "cross_signing_reset" { 404 } else { 200 };
        assert_eq!(page.status.as_u16(), known, "{action}");
        assert!(!page.body.contains("&lt;D1"), "{action}: {}", page.body);
    }
}

/// Otherwise a lost phone stays signed in, or a link signs it out.
#[tokio::test]
async fn a_device_is_signed_out_by_a_button_alone() {
    let site = TestIdentity::start();
    let (user_id, mut browser) = signed_in(&site, "alice").await;
    device(&site, &user_id, "D1", "lost").await;
    device(&site, &user_id, "D2", "kept").await;
    browser.open(&format!("{ACCOUNT}?action=org.matrix.device_delete&device_id=D1")).await;
    assert!(is_in(&site, "lost").await);
    let answer = browser.post("/_estafette/account/devices/delete", "device_id=D1").await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "a form from elsewhere");
    browser.open(&format!("{ACCOUNT}?action=org.matrix.device_delete&device_id=D1")).await;
    browser.submit("/_estafette/account/devices/delete", &[]).await;
    assert!(!is_in(&site, "lost").await && is_in(&site, "kept").await);
    let page = browser.follow().await;
    assert!(page.body.contains("D2") && !page.body.contains("D1"), "{}", page.body);
    site.host.advance(10 * 60 * 1000);
    browser.open(&format!("{ACCOUNT}?action=org.matrix.device_delete&device_id=D2")).await;
    let answer = browser.submit("/_estafette/account/devices/delete", &[]).await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "{}", answer.body);
    assert!(answer.location().contains("device_delete%26device_id%3DD2"), "{}", answer.location());
    assert!(is_in(&site, "kept").await, "a browser that was left open ends no device");
}

/// Otherwise whoever has a token, or a browser that was left open, replaces somebody's identity.
#[tokio::test]
async fn leave_to_reset_keys_is_recent_for_one_device_and_once() {
    let site = TestIdentity::start();
    let (user_id, mut browser) = signed_in(&site, "alice").await;
    let first = device(&site, &user_id, "D1", "a").await;
    let second = device(&site, &user_id, "D2", "b").await;
    let store = &site.identity.store;
    let path = format!("{ACCOUNT}?action=org.matrix.cross_signing_reset&device_id=D1");
    let take = async |device: &DeviceId| {
        let now_ms = site.identity.host.now_ms();
        store.take_cross_signing_approval(&user_id, device, now_ms).await.unwrap()
    };
    browser.open(&path).await;
    assert!(!take(&first).await, "a link gives no leave");
    browser.submit("/_estafette/account/cross-signing-reset", &[]).await;
    // Loading the page again gives no second leave.
    let page = browser.follow().await;
    assert!(page.body.contains("Reset allowed"), "{}", page.body);
    assert!(!take(&second).await, "another device");
    assert!(take(&first).await);
    assert!(!take(&first).await, "once");
    let gone = browser.open("/_estafette/account/cross-signing-reset").await;
    assert_eq!(gone.location(), ACCOUNT, "it says nothing that is no longer so");
    browser.open(&path).await;
    browser.submit("/_estafette/account/cross-signing-reset", &[]).await;
    site.host.advance(10 * 60 * 1000);
    assert!(!take(&first).await, "for ten minutes");
    browser.open(ACCOUNT).await;
    let (reset, fields) = ("/_estafette/account/cross-signing-reset", [("device_id", "D1")]);
    let answer = browser.submit_to("/_estafette/sign-out", reset, &fields).await;
    assert!(answer.location().starts_with("/_estafette/sign-in?continue="), "signed in long ago");
    assert!(!take(&first).await);
    sign_in(&mut browser, "alice").await;
    browser.open(&format!("{ACCOUNT}?action=org.matrix.cross_signing_reset")).await;
    browser.submit("/_estafette/account/cross-signing-reset", &[]).await;
    store.set_password(&user_id, None, None).await.unwrap();
    assert!(!take(&second).await, "it ends with the password");
}

/// Otherwise a slip ends an account, or an ended one is still signed in.
#[tokio::test]
async fn an_account_ends_only_when_its_owner_spells_it_out() {
    let site = TestIdentity::start();
    let (user_id, mut browser) = signed_in(&site, "alice").await;
    device(&site, &user_id, "D1", "token").await;
    let path = format!("{ACCOUNT}?action=org.matrix.account_deactivate");
    browser.open(&path).await;
    let page = browser.submit("/_estafette/account/deactivate", &[("typed", "alice")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("aria-invalid"), "{}", page.body);
    assert!(is_in(&site, "token").await);
    let page = browser.submit("/_estafette/account/deactivate", &[("typed", "@alice:x.fr")]).await;
    assert!(page.body.contains("Account deleted"), "{}", page.body);
    assert!(!is_in(&site, "token").await);
    assert!(site.identity.store.account(&user_id).await.unwrap().unwrap().deactivated);
    assert!(browser.open(ACCOUNT).await.location().starts_with("/_estafette/sign-in"));
}

/// Otherwise a person does not find what the server knows of them, or cannot choose what is theirs.
#[tokio::test]
async fn the_profile_shows_what_is_known_and_hides_from_the_directory_by_a_button_alone() {
    let site = Site::with(|config| config.validity.period_days = 90);
    let (mut browser, _) = site.sign_up("jane.smith@important.com").await;
    let overview = browser.open(ACCOUNT).await.body;
    for shown in [
        "Jane Smith [Important]",
        "jane.smith@important.com",
        "/_estafette/account/address",
        "/_estafette/account/password",
        "/_estafette/renew",
    ] {
        assert!(overview.contains(shown), "{shown}: {overview}");
    }
    let path = format!("{ACCOUNT}?action=org.matrix.profile");
    let page = browser.open(&path).await.body;
    for shown in ["Jane Smith", "jane.smith@", "Ministère important", "12 February 2024"] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let store = &site.test.identity.store;
    let user_id = store.person_by_email("jane.smith@important.com").await.unwrap().unwrap().user_id;
    let hidden = async || store.person(&user_id).await.unwrap().unwrap().red_list;
    let kept = r#"{"other":1}"#;
    store.set_account_data(&user_id, None, RED_LIST, Some(kept), None).await.unwrap();
    let forged = browser.post("/_estafette/account/directory", "hide=yes").await;
    assert_eq!((forged.status, hidden().await), (StatusCode::FORBIDDEN, false));
    browser.open(&path).await;
    let done = browser.submit("/_estafette/account/directory", &[]).await;
    assert_eq!((done.location(), hidden().await), (path.as_str(), true));
    let data = store.account_data(&user_id, None, RED_LIST).await.unwrap().unwrap().content;
    assert_eq!(data.as_deref(), Some(r#"{"hide_profile":true,"other":1}"#));
    assert!(browser.follow().await.body.contains("You are hidden"));
    browser.submit("/_estafette/account/directory", &[]).await;
    assert!(!hidden().await);
    store.set_account_flag(&user_id, AccountFlag::Suspended, true).await.unwrap();
    browser.open(&path).await;
    let refused = browser.submit("/_estafette/account/directory", &[]).await;
    assert!(refused.body.contains("Your account is suspended"), "{}", refused.body);
    assert_eq!((refused.status, hidden().await), (StatusCode::FORBIDDEN, false));
    assert_eq!(browser.open("/_estafette/account/address").await.status, StatusCode::FORBIDDEN);
}

/// Otherwise people read a language that they did not choose, also in what goes wrong.
#[tokio::test]
async fn a_chosen_language_is_kept() {
    let site = TestIdentity::start();
    let (_, mut browser) = signed_in(&site, "alice").await;
    let path = format!("{ACCOUNT}?action=org.matrix.profile");
    assert!(browser.open(&path).await.body.contains("lang=\"en\""));
    let session = browser.cookie.clone().unwrap();
    let chosen = browser.submit("/_estafette/account/language", &[("language", "fr")]).await;
    let cookie = chosen.headers["set-cookie"].to_str().unwrap();
    assert_eq!(cookie, "estafette-language=fr; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax");
    let both = format!("{}; estafette-language=fr", session);
    browser.cookie = Some(both);
    assert!(browser.open(&path).await.body.contains("Mon profil"));
    let refused = browser.submit("/_estafette/account/language", &[("language", "xx")]).await;
    assert!(refused.body.contains("Demande incomprise"), "{}", refused.body);
}

/// Whether guesses in a browser have the lane of those that are known as `user_id`'s.
async fn is_known(site: &TestIdentity, browser: &TestBrowser<'_>, user_id: &UserId) -> bool {
    let known = browser.known.as_deref().and_then(|cookie| cookie.split_once('='));
    let known = known.map(|(_, value)| value);
    let origin = site.host.origin(user_id.as_str(), [192, 0, 2, 1].into(), known).await;
    matches!(origin.unwrap().standing, Standing::Browser(_))
}

/// Otherwise somebody cannot see that another browser is signed in, or not end it, or whoever had
/// it goes on guessing as its owner.
#[tokio::test]
async fn other_browsers_are_listed_and_signed_out_by_a_button() {
    let site = TestIdentity::start();
    let (alice, mut here) = signed_in(&site, "alice").await;
    let mut there = site.browser();
    sign_in(&mut there, "alice").await;
    let (bob, mut other) = signed_in(&site, "bob").await;
    let path = format!("{ACCOUNT}?action=org.matrix.devices_list");
    let page = here.open(&path).await.body;
    let unknown = "<li><strong>Unknown browser</strong>, signed in";
    assert_eq!((page.matches(unknown).count(), page.matches("this one").count()), (2, 1));
    let forged = here.post("/_estafette/account/browsers/end", "").await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    assert_eq!(there.open(ACCOUNT).await.status, StatusCode::OK);
    assert!(is_known(&site, &here, &alice).await && is_known(&site, &there, &alice).await);
    here.open(&path).await;
    here.submit("/_estafette/account/browsers/end", &[]).await;
    assert!(is_known(&site, &here, &alice).await, "this one is still known");
    assert!(!is_known(&site, &there, &alice).await, "guesses as the owner does");
    assert!(is_known(&site, &other, &bob).await && !is_known(&site, &other, &alice).await);
    assert_eq!(there.open(ACCOUNT).await.status, StatusCode::SEE_OTHER, "still signed in");
    assert_eq!(here.open(ACCOUNT).await.status, StatusCode::OK);
    assert_eq!(other.open(ACCOUNT).await.status, StatusCode::OK, "somebody else's browser");
}

/// Otherwise somebody cannot tell which browser is whose, or ends a stranger's.
#[tokio::test]
async fn browsers_have_a_coarse_name_and_end_one_by_one() {
    let site = TestIdentity::start();
    let (user_id, mut here) = signed_in(&site, "alice").await;
    let path = format!("{ACCOUNT}?action=org.matrix.devices_list");
    for (agent, name) in [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/2010 Firefox/140.0", "Firefox, Linux"),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, \
             like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) \
             Chrome/140.0.0.0 Mobile Safari/537.36",
            "Chrome, Android",
        ),
        ("curl/8.5.0", ""),
    ] {
        let mut there = site.browser();
        there.agent = agent;
        sign_in(&mut there, "alice").await;
        let shown = if name.is_empty() { "Unknown browser" } else { name };
        let page = here.open(&path).await.body;
        assert!(page.contains(&format!("<strong>{shown}</strong>, signed in")), "{page}");
        assert!(!page.contains("140.0"), "no more is kept");
        let now_ms = site.identity.host.now_ms();
        let known = site.identity.store.browser_sessions(&user_id, now_ms).await.unwrap();
        assert!(known.iter().any(|(_, session)| session.name == name), "{known:?}");
        let (_, mut other) = match name {
            "" => signed_in(&site, "bob").await,
            _ => continue,
        };
        let foreign = page.split("name=\"browser\" value=\"").nth(1).unwrap();
        let foreign = foreign.split('"').next().unwrap();
        sign_in(&mut site.browser(), "bob").await;
        other.open(&path).await;
        let fields = [("browser", foreign)];
        other.submit("/_estafette/account/browsers/end-one", &fields).await;
        let ended = async || {
            let known = site.identity.store.browser_sessions(&user_id, now_ms).await.unwrap();
            6 - known.len()
        };
        assert_eq!(ended().await, 0, "somebody else's");
        here.open(&path).await;
        here.submit("/_estafette/account/browsers/end-one", &fields).await;
        assert_eq!(ended().await, 1);
        assert_eq!(here.open(ACCOUNT).await.status, StatusCode::OK);
    }
}

/// Otherwise whoever knows the password needs the mailbox and loses every device to change it, or
/// whoever finds an open browser changes it without the password.
#[tokio::test]
async fn whoever_knows_the_password_changes_it_and_keeps_the_devices_or_not() {
    const PATH: &str = "/_estafette/account/password";
    const NEW: &str = "copper meadow lighthouse zebra";
    let site = TestIdentity::start();
    let user_id = site.account("alice", "correct horse").await;
    site.access_token(&user_id).await;
    let devices = async || site.identity.store.devices(&user_id).await.unwrap().len();
    let sign_in = async |password: &str| {
        let mut browser = site.browser();
        browser.open("/_estafette/sign-in").await;
        let answer = browser
            .submit("/_estafette/sign-in", &[("who", "alice"), ("password", password)])
            .await;
        (browser, answer.status == StatusCode::SEE_OTHER)
    };
    let (mut browser, _) = sign_in("correct horse").await;
    let (mut other, _) = sign_in("correct horse").await;
    let change = |old, new, again| vec![("old", old), ("password", new), ("again", again)];
    for (fields, wrong) in [
        (change("correct horse", "short", "short"), "#password"),
        (change("correct horse", NEW, "another"), "#again"),
        (change("not it", NEW, NEW), "#old"),
    ] {
        browser.open(PATH).await;
        let answer = browser.submit(PATH, &[&fields[..], &[("devices", "end")]].concat()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains(&format!("href=\"{wrong}\"")), "{}", answer.body);
        assert!(answer.body.contains(" checked"), "the choice about devices is lost");
        assert!(!answer.body.contains("correct horse") && !answer.body.contains(NEW));
    }
    assert!(sign_in("correct horse").await.1, "nothing has changed");
    browser.open(PATH).await;
    let answer = browser.submit(PATH, &change("correct horse", NEW, NEW)).await;
    assert!(answer.body.contains("Your password has changed"), "{}", answer.body);
    assert_eq!(devices().await, 1, "devices are kept");
    assert!(site.host.forgotten.lock().contains(&user_id));
    assert!(!sign_in("correct horse").await.1 && sign_in(NEW).await.1);
    assert_eq!(browser.open("/_estafette/account").await.status, StatusCode::OK);
    assert!(is_known(&site, &browser, &user_id).await, "guesses as a stranger now");
    assert!(!is_known(&site, &other, &user_id).await, "a cookie outlives the password");
    let ended = other.open("/_estafette/account").await;
    assert!(ended.location().starts_with("/_estafette/sign-in"), "another browser goes on");
    browser.open(PATH).await;
    let fields = [
        &change(NEW, "ocean lantern granite violin", "ocean lantern granite violin")[..],
        &[("devices", "end")],
    ]
    .concat();
    browser.submit(PATH, &fields).await;
    assert_eq!(devices().await, 0);
}

/// Otherwise whoever asked for erasure and mistyped the id deletes the account without it.
#[tokio::test]
async fn what_was_chosen_stays_when_the_id_is_mistyped() {
    let site = TestIdentity::start();
    site.account("alice", "correct horse").await;
    let mut browser = site.browser();
    browser.open("/_estafette/sign-in").await;
    browser.submit("/_estafette/sign-in", &[("who", "alice"), ("password", "correct horse")]).await;
    browser.open("/_estafette/account?action=org.matrix.account_deactivate").await;
    let fields = [("typed", "@alicf:x.fr"), ("erase", "yes")];
    let answer = browser.submit("/_estafette/account/deactivate", &fields).await;
    assert!(answer.body.contains("value=\"@alicf:x.fr\""), "{}", answer.body);
    assert!(answer.body.contains("value=\"yes\" checked"), "{}", answer.body);
}

/// Otherwise whoever ends their account fills in the form in vain, and the box that erases their
/// profile is empty when they come back.
#[tokio::test]
async fn the_proof_comes_before_the_form_of_what_cannot_be_undone() {
    let site = TestIdentity::start();
    let (_, mut browser) = signed_in(&site, "alice").await;
    for action in ["org.matrix.account_deactivate", "org.matrix.cross_signing_reset"] {
        let here = format!("{ACCOUNT}?action={action}");
        assert!(browser.open(&here).await.body.contains("class=\"danger\""), "{action}");
        site.host.advance(11 * 60 * 1000);
        let asked = browser.open(&here).await;
        assert!(!asked.body.contains("class=\"danger\""), "{}", asked.body);
        // Opening it has signed nobody out.
        assert_eq!(browser.open(ACCOUNT).await.status, StatusCode::OK);
        browser.open(&here).await;
        let out = browser.submit("/_estafette/sign-out", &[]).await;
        assert!(out.location().contains("login_hint="), "{out:?}");
        let page = browser.follow().await;
        assert!(page.body.contains("value=\"@alice:x.fr\""), "{}", page.body);
        let fields = [("who", "alice"), ("password", "correct horse")];
        let back = browser.submit("/_estafette/sign-in", &fields).await;
        assert_eq!(back.location(), here);
        assert!(browser.follow().await.body.contains("class=\"danger\""), "{action}");
    }
}

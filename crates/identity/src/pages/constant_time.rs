// SPDX-License-Identifier: Apache-2.0
//! Whether a guess that is right at its beginning takes longer than one that is wrong there (F-25).
//! For `cargo xtask timing --secrets`: times mean nothing in a run of all tests.

use axum::{body::Body, extract::FromRequestParts as _};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::ids::DeviceId;
use estafette_store::{
    IdentityStore, OauthStore,
    accounts::{TokenHash, TokenPair},
    identity::{BrowserSession, NewCode, NewMail},
    oauth::{self, CodeExchange, DevicePoll, NewDeviceGrant},
    people::{AdminAct, AuditEntry},
};
use estafette_testkit::{
    random::Random,
    secret_times::{Class, Trial, guess},
};
use http::Request;
use tokio::runtime::{Builder, Runtime};

use crate::{pages::Browser, testing::TestIdentity};

const TOKENS: usize = 10;
const LATER: i64 = i64::MAX / 2;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

fn secret(random: &mut Random) -> String {
    URL_SAFE_NO_PAD.encode(random.bytes(32))
}

fn pair() -> TokenPair {
    TokenPair { access: TokenHash::of("a"), expires_ms: None, refresh: None }
}

/// Ten secrets of one kind that are there, put there by `put`.
fn there(runtime: &Runtime, mut put: impl AsyncFnMut(String)) -> Vec<String> {
    let mut random = Random::new(1);
    let secrets: Vec<String> = (0..TOKENS).map(|_| secret(&mut random)).collect();
    for secret in &secrets {
        runtime.block_on(put(secret.clone()));
    }
    secrets
}

fn among(secrets: &[String]) -> impl FnMut(Class, &mut Random) -> String {
    |class, random| {
        let right = random.pick(secrets).unwrap().clone();
        guess(&right, 0, class, random)
    }
}

async fn browser(site: &TestIdentity, cookie: &str) -> Browser {
    let request = Request::get("/").header("host", "x.fr");
    let request = request.header("cookie", format!("estafette={cookie}"));
    let (mut parts, ()) = request.body(()).unwrap().into_parts();
    Browser::from_request_parts(&mut parts, &site.identity).await.unwrap()
}

/// The one that a form carries is the HMAC of the browser's cookie behind a mask.
#[test]
#[ignore = "measures"]
fn form_tokens() {
    let runtime = runtime();
    let site = TestIdentity::start();
    let cookie = secret(&mut Random::new(1));
    let browser = runtime.block_on(browser(&site, &cookie));
    let right = URL_SAFE_NO_PAD.decode(browser.form_token()).unwrap();
    let wrong = |class, random: &mut Random| {
        let mut token = right.clone();
        let at = if class == Class::First { 32 } else { token.len() - 1 };
        token[at] ^= 1 + random.below(255) as u8;
        URL_SAFE_NO_PAD.encode(token)
    };
    let look = |token: &String| browser.accepts_form_token(token);
    Trial::from_environment().compare("token of a form", wrong, look).check().unwrap();
}

#[test]
#[ignore = "measures"]
fn browser_cookies() {
    let runtime = runtime();
    let site = TestIdentity::start();
    let user_id = runtime.block_on(site.account("a", "correct horse"));
    let cookies = there(&runtime, async |cookie| {
        let session = BrowserSession {
            user_id: user_id.clone(),
            created_ms: 0,
            proven_ms: 0,
            seen_ms: 0,
            expires_ms: LATER,
            name: "Firefox, Linux".into(),
        };
        site.identity.store.start_browser_session(TokenHash::of(&cookie), session).await.unwrap();
    });
    // The last letter of 32 bytes in base64 is not free: only what is before it changes.
    let wrong = |class, random: &mut Random| {
        let right = random.pick(&cookies).unwrap().clone();
        guess(&right[..42], 0, class, random) + &right[42..]
    };
    let look = |cookie: &String| runtime.block_on(browser(&site, cookie)).owner().is_some();
    Trial::from_environment().compare("cookie of a browser", wrong, look).check().unwrap();
}

#[test]
#[ignore = "measures"]
fn mailed_codes() {
    let runtime = runtime();
    let site = TestIdentity::start();
    let right = TokenHash::of("the code").0;
    let mail =
        NewMail { recipient: "a@b.fr".into(), sealed: Vec::new(), now_ms: 0, expires_ms: LATER };
    let code = NewCode {
        browser: TokenHash::of("cookie"),
        purpose: "sign-up",
        address: "a@b.fr".into(),
        mac: right,
        tries: u32::MAX,
        tries_min: u32::MAX,
        expires_ms: LATER,
        mail,
        to_nobody: false,
        now_ms: 0,
        source: String::new(),
        asked_max: 9,
        asked_by_source_max: 9,
        asked_by_source_per_day_max: 9,
        window_ms: 1,
        memory_ms: 1,
    };
    runtime.block_on(IdentityStore::put_code(&site.identity.store, code)).unwrap();
    let wrong = |class, random: &mut Random| {
        let mut mac = right;
        mac[if class == Class::First { 0 } else { 31 }] ^= 1 + random.below(255) as u8;
        mac
    };
    let look = |mac: &[u8; 32]| {
        let tried =
            site.identity.store.try_code(TokenHash::of("cookie"), "sign-up", *mac, 1, LATER);
        let tried = runtime.block_on(tried).unwrap();
        assert!(matches!(tried, estafette_store::identity::TryOutcome::Wrong { .. }), "{tried:?}");
    };
    Trial::from_environment().compare("code of a mail", wrong, look).check().unwrap();
}

fn code(user_id: &estafette_core::ids::UserId, code: &str, expires_ms: i64) -> oauth::NewCode {
    oauth::NewCode {
        code: TokenHash::of(code),
        user_id: user_id.clone(),
        client_id: "client".into(),
        redirect_uri: "https://c.fr/".into(),
        scope: String::new(),
        device_id: DeviceId::parse("D").unwrap(),
        device_name: None,
        code_challenge: "a".repeat(43),
        expires_ms,
    }
}

fn exchange(code: &str, code_challenge: String, now_ms: i64) -> CodeExchange {
    CodeExchange {
        code: TokenHash::of(code),
        client_id: "client".into(),
        redirect_uri: "https://c.fr/".into(),
        code_challenge,
        tokens: pair(),
        now_ms,
    }
}

/// The proof key of a code (RFC 7636): each code is good for one guess.
#[test]
#[ignore = "measures"]
fn proof_keys() {
    let runtime = runtime();
    let site = TestIdentity::start();
    let user_id = runtime.block_on(site.account("a", "correct horse"));
    let mut now_ms = 0;
    let wrong = |class, random: &mut Random| {
        now_ms += 60_000;
        let name = format!("code {now_ms}");
        let code = code(&user_id, &name, now_ms + 1);
        let kept = OauthStore::put_code(&site.identity.store, code, now_ms);
        runtime.block_on(kept).unwrap();
        exchange(&name, guess(&"a".repeat(43), 0, class, random), now_ms)
    };
    let look = |exchange: &CodeExchange| {
        let outcome = runtime.block_on(site.identity.store.exchange_code(exchange.clone()));
        assert_eq!(outcome.unwrap(), oauth::GrantOutcome::Invalid);
    };
    Trial::from_environment().compare("proof key of a code", wrong, look).check().unwrap();
}

/// Codes, device codes, codes that a person types, links: each is looked up by its hash.
#[test]
#[ignore = "measures"]
fn looked_up_by_hash() {
    let runtime = runtime();
    let site = TestIdentity::start();
    let user_id = runtime.block_on(site.account("a", "correct horse"));
    let (store, trial) = (&site.identity.store, Trial::from_environment());
    let codes = there(&runtime, async |secret| {
        OauthStore::put_code(store, code(&user_id, &secret, LATER), 0).await.unwrap();
    });
    let code = trial.compare("authorisation code, look-up", among(&codes), |given| {
        runtime.block_on(store.exchange_code(exchange(given, "a".repeat(43), 0))).unwrap()
    });
    let device_codes = there(&runtime, async |secret| {
        let grant = NewDeviceGrant {
            device_code: TokenHash::of(&secret),
            user_code: TokenHash::of(&secret),
            client_id: "client".into(),
            scope: String::new(),
            device_id: DeviceId::parse("D").unwrap(),
            device_name: None,
            interval_ms: 1,
            expires_ms: LATER,
        };
        store.start_device_grant(grant, 0).await.unwrap();
    });
    let device_code = trial.compare("device code, look-up", among(&device_codes), |given| {
        let (device_code, tokens) = (TokenHash::of(given), pair());
        let poll = DevicePoll { device_code, client_id: "client".into(), tokens, now_ms: 0 };
        runtime.block_on(store.poll_device_grant(poll)).unwrap()
    });
    let user_code = trial.compare("user code, look-up", among(&device_codes), |given| {
        runtime.block_on(store.device_grant(&TokenHash::of(given), 0)).unwrap().is_some()
    });
    let refresh = trial.compare("refresh token of OAuth 2.0, look-up", among(&codes), |given| {
        runtime.block_on(store.refresh_oauth("client", &TokenHash::of(given), pair())).unwrap()
    });
    let (link, kept) = site.identity.new_password_link(None);
    let entry = AuditEntry { actor: "op".into(), reason: None, now_ms: 0 };
    let acts = vec![AdminAct::LinkPassword(kept)];
    runtime.block_on(site.identity.host.administer(entry, Some(&user_id), acts)).unwrap();
    let links = [link.split_once('=').unwrap().1.to_owned()];
    let link = trial.compare("link for a password, look-up", among(&links), |given| {
        runtime.block_on(store.password_link(TokenHash::of(given), 0)).unwrap().is_some()
    });
    for finding in [code, device_code, user_code, refresh, link] {
        finding.check().unwrap();
    }
}

/// What servers say to each other's look-up, through the router.
#[test]
#[ignore = "measures"]
fn secret_of_servers() {
    let runtime = runtime();
    let folder = tempfile::tempdir().unwrap();
    let right = secret(&mut Random::new(1));
    let file = folder.path().join("secret");
    std::fs::write(&file, &right).unwrap();
    let site = TestIdentity::with(|config| config.policy.internal_secret_file = file.clone());
    let look = |given: &String| {
        let path = "/_estafette/identity/v1/internal/lookup?address=a@b.fr";
        let request = Request::get(path).header("authorization", format!("Bearer {given}"));
        let answer = runtime.block_on(site.send(request.body(Body::empty()).unwrap()));
        assert_eq!(answer.status, 401);
    };
    let secrets = [right];
    let trial = Trial::from_environment();
    trial.compare("secret of servers", among(&secrets), look).check().unwrap();
}

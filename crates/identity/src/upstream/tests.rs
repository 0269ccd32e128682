// SPDX-License-Identifier: Apache-2.0
//! A provider that says what a test wants, through the real routes.

mod anew;
mod keys;
mod unasked;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, atomic::Ordering},
};

use axum::body::Body;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use estafette_core::{
    guesses::Origin,
    ids::{DeviceId, UserId},
    limits::UPSTREAM_JOIN_TRIES,
};
use estafette_store::{
    AccountStore as _, PeopleStore as _, UpstreamStore as _,
    accounts::{NewLogin, TokenHash, TokenPair},
    people::PersonDetails,
};
use estafette_testkit::{
    random::Random,
    secret_times::{Trial, guess},
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use jsonwebtoken::{Algorithm, jwk::Jwk};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use self::keys::{published, sign};
use super::{
    claims::{ClaimError, Expected, check_id_token},
    config::{ClientAuth, ClientSecret, LogoutReach, ProviderConfig},
    signature::{SignatureError, verify},
};
use crate::{
    Host as _, HostError, IdentityConfig,
    config::MailTransport,
    host::{FetchRequest, FetchResponse},
    testing::{Answer, TestBrowser, TestIdentity},
};

const ISSUER: &str = "https://idp.fr/api";
const NOW_S: i64 = 1_700_000_000;

/// What the provider says and was told.
struct Script {
    /// The ID token; its `nonce` is the one of the request unless it says another.
    id_token: Value,
    user_info: Value,
    signed_user_info: bool,
    algorithm: Algorithm,
    kid: &'static str,
    token_type: &'static str,
    /// Changes the ID token on its way.
    spoil: fn(String) -> String,
    /// What it says of itself.
    metadata: Value,
    /// The `nonce` and the `code_challenge` of the last request.
    nonce: String,
    challenge: String,
    /// Bodies that reached the token endpoint.
    exchanged: Vec<String>,
    /// Times that the keys were fetched.
    keys_fetched: usize,
}

/// One of the provider's tokens, with claims replaced or (`null`) left out.
fn claims(change: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "estafette", "sub": "subject", "iat": NOW_S, "exp": NOW_S + 60,
        "email": "jean.dupont@interieur.gouv.fr", "email_verified": true,
        "given_name": "Jean", "usual_name": "Dupont",
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            members.remove(name);
        } else {
            members.insert(name.clone(), value.clone());
        }
    }
    claims
}

struct World {
    site: TestIdentity,
    script: Arc<Mutex<Script>>,
}

impl World {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ProviderConfig)) -> Self {
        Self::under(change, true)
    }

    /// The same, where the policy expects nobody unless it is open.
    fn under(change: impl FnOnce(&mut ProviderConfig), policy_open: bool) -> Self {
        Self::configured(change, |config| config.policy.open = policy_open)
    }

    /// The same, where mail goes to a folder.
    fn mailing(folder: &std::path::Path, mailbox_opens: bool) -> Self {
        Self::configured(
            |provider| provider.mailbox_opens_accounts = mailbox_opens,
            |config| {
                config.policy.open = true;
                config.mail.transport = MailTransport::Folder;
                config.mail.from = "Estafette <no-reply@x.fr>".into();
                config.mail.folder = folder.to_owned();
            },
        )
    }

    fn configured(
        change: impl FnOnce(&mut ProviderConfig),
        further: impl FnOnce(&mut IdentityConfig),
    ) -> Self {
        let mut provider = ProviderConfig {
            id: "idp".into(),
            name: "Provider".into(),
            issuer: ISSUER.into(),
            client_id: "estafette".into(),
            client_secret: ClientSecret("s&cret".into()),
            client_secret_file: PathBuf::new(),
            client_auth: ClientAuth::ClientSecretPost,
            scope: "openid email".into(),
            acr_values: Vec::new(),
            acr_essential: false,
            asks_again: true,
            amr_values: Vec::new(),
            authorization_parameters: BTreeMap::new(),
            domains: vec!["interieur.gouv.fr".into()],
            vouches_for_email: false,
            authoritative_domains: Vec::new(),
            mailbox_opens_accounts: false,
            creates_accounts: true,
            logout: LogoutReach::Browsers,
        };
        change(&mut provider);
        let site = TestIdentity::with(|config| {
            config.upstream = vec![provider];
            further(config);
        });
        site.host.limits.store(false, Ordering::SeqCst);
        let script = Arc::new(Mutex::new(Script {
            id_token: claims(json!({})),
            user_info: json!({ "sub": "subject" }),
            signed_user_info: false,
            algorithm: Algorithm::RS256,
            kid: "r",
            token_type: "bearer",
            spoil: |token| token,
            metadata: json!({
                "issuer": ISSUER,
                "authorization_endpoint": "https://idp.fr/authorize",
                "token_endpoint": "https://idp.fr/token",
                "jwks_uri": "https://keys.idp.fr/keys",
                "userinfo_endpoint": "https://idp.fr/userinfo",
                "end_session_endpoint": "https://idp.fr/end",
            }),
            nonce: String::new(),
            challenge: String::new(),
            exchanged: Vec::new(),
            keys_fetched: 0,
        }));
        let answering = Arc::clone(&script);
        let answer = move |request: &FetchRequest| answering.lock().answer(request);
        *site.host.elsewhere.lock() = Some(Box::new(answer));
        Self { site, script }
    }

    fn say(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.script.lock());
    }

    /// Sends a browser to the provider and takes it back, with changes to the answer.
    async fn sign_in(&self, browser: &mut TestBrowser<'_>, change: &[(&str, &str)]) -> Answer {
        let sent = browser.open("/_estafette/upstream/idp?continue=/next&login_hint=jean").await;
        assert!(sent.location().contains("&login_hint=jean"), "{}", sent.body);
        assert!(!sent.location().contains("prompt="), "{}", sent.location());
        self.come_back(browser, &sent, change).await
    }

    /// Has whoever is signed in prove themselves again, from the page that says so.
    async fn prove_again(&self, browser: &mut TestBrowser<'_>) -> Answer {
        let sent = browser.open("/_estafette/upstream/idp?again=yes&continue=/next").await;
        assert!(sent.location().contains("&prompt=login&max_age=0"), "{}", sent.location());
        self.come_back(browser, &sent, &[]).await
    }

    async fn come_back(
        &self,
        browser: &mut TestBrowser<'_>,
        sent: &Answer,
        change: &[(&str, &str)],
    ) -> Answer {
        let query = sent.location().split_once('?').unwrap_or_default().1.to_owned();
        let asked: Vec<(String, String)> = serde_urlencoded::from_str(&query).unwrap();
        let param = |name: &str| {
            asked.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value).to_owned()
        };
        assert_eq!(param("redirect_uri"), "http://x.fr/_estafette/upstream/idp/callback");
        self.say(|script| {
            script.nonce = param("nonce");
            script.challenge = param("code_challenge");
        });
        let mut back = vec![("code", "code".to_owned()), ("state", param("state"))];
        for (name, value) in change {
            back.retain(|(known, _)| known != name);
            back.push((name, (*value).to_owned()));
        }
        let back = serde_urlencoded::to_string(back).unwrap();
        browser.open(&format!("/_estafette/upstream/idp/callback?{back}")).await
    }

    async fn logout(&self, token: &str) -> StatusCode {
        let body = serde_urlencoded::to_string([("logout_token", token)]).unwrap();
        let request = Request::post("/_estafette/upstream/idp/logout").body(Body::from(body));
        self.site.send(request.unwrap()).await.status
    }

    /// An account with a password and the address that the provider vouches for.
    async fn agent(&self) -> UserId {
        let user_id = self.site.account("agent", "correct horse").await;
        let email = Some("jean.dupont@interieur.gouv.fr".to_owned());
        let details = PersonDetails { email, ..PersonDetails::default() };
        self.site.identity.store.put_person(&user_id, details).await.unwrap();
        user_id
    }

    /// The provider speaks of another subject, with the same address.
    fn say_subject(&self, subject: &str, change: Value) {
        let mut change = change;
        change["sub"] = subject.into();
        self.say(|script| {
            script.id_token = claims(change);
            script.user_info = json!({ "sub": subject });
        });
    }

    async fn user(&self) -> Option<UserId> {
        self.site.identity.store.upstream_user("idp", "subject").await.unwrap()
    }
}

impl Script {
    fn answer(&mut self, request: &FetchRequest) -> Result<FetchResponse, HostError> {
        let mut kind = "application/json";
        let body = match (request.method.clone(), request.url.as_str()) {
            (Method::GET, "https://idp.fr/api/.well-known/openid-configuration") => {
                self.metadata.to_string()
            }
            (Method::GET, "https://keys.idp.fr/keys") => {
                self.keys_fetched += 1;
                published().to_string()
            }
            (Method::POST, "https://idp.fr/token") => self.exchange(&request.body),
            (Method::GET, "https://idp.fr/userinfo") => {
                assert_eq!(request.headers[header::AUTHORIZATION], "Bearer upstream-token");
                if self.signed_user_info {
                    kind = "application/jwt";
                    sign(Algorithm::ES256, "e", &self.user_info)
                } else {
                    self.user_info.to_string()
                }
            }
            _ => return Err(HostError::Unreachable(request.url.clone())),
        };
        assert_eq!(request.named_by_operator, request.url.starts_with("https://idp.fr/"));
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Ok(FetchResponse { status: StatusCode::OK, headers, body: Bytes::from(body) })
    }

    fn exchange(&mut self, body: &[u8]) -> String {
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).unwrap();
        let verifier = pairs.iter().find(|(name, _)| name == "code_verifier").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.encode(Sha256::digest(&verifier.1)), self.challenge);
        self.exchanged.push(String::from_utf8(body.to_vec()).unwrap());
        let mut claims = self.id_token.clone();
        let members = claims.as_object_mut().unwrap();
        members.entry("nonce").or_insert_with(|| self.nonce.clone().into());
        let token = (self.spoil)(sign(self.algorithm, self.kid, &claims));
        let kind = self.token_type;
        json!({ "id_token": token, "access_token": "upstream-token", "token_type": kind })
            .to_string()
    }
}

/// Otherwise agents who sign in elsewhere cannot sign in here.
#[tokio::test]
async fn somebody_whom_the_provider_knows_gets_an_account_and_keeps_it() {
    let world = World::new();
    for algorithm in [Algorithm::RS256, Algorithm::ES256] {
        world.say(|script| {
            script.algorithm = algorithm;
            script.kid = if algorithm == Algorithm::RS256 { "r" } else { "e" };
        });
        let mut browser = world.site.browser();
        let page = browser.open("/_estafette/sign-in?continue=/next").await;
        assert!(page.body.contains("Sign in with Provider"), "{}", page.body);
        let answer = world.sign_in(&mut browser, &[]).await;
        assert_eq!((answer.status, answer.location()), (StatusCode::SEE_OTHER, "/next"));
        let account = browser.open("/_estafette/account?action=org.matrix.profile").await;
        assert!(account.body.contains("Jean Dupont"), "{}", account.body);
    }
    let user_id = world.user().await.unwrap();
    assert!(!user_id.as_str().contains("jean"), "ids say nothing of people");
    assert!(world.script.lock().exchanged[0].contains("client_secret=s%26cret"));
    // The same subject with another address of the same domain is the same person.
    world.say(|script| script.id_token = claims(json!({ "email": "j@interieur.gouv.fr" })));
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.location(), "/next");
}

/// Otherwise a token for another service, of another sign-in, or of nobody signs somebody in.
#[tokio::test]
async fn what_the_provider_did_not_say_to_us_now_is_not_believed() {
    let world = World::new();
    let other = |change: Value| claims(change);
    for bad in [
        other(json!({ "iss": "https://idp.fr/other" })),
        other(json!({ "iss": null })),
        other(json!({ "aud": "another" })),
        other(json!({ "aud": ["another"] })),
        other(json!({ "aud": ["estafette", "another"] })),
        other(json!({ "aud": null })),
        other(json!({ "azp": "another" })),
        other(json!({ "nonce": "another" })),
        other(json!({ "nonce": "" })),
        other(json!({ "exp": NOW_S - 61 })),
        other(json!({ "exp": null })),
        other(json!({ "iat": NOW_S + 61 })),
        other(json!({ "iat": null })),
        other(json!({ "nbf": NOW_S + 61 })),
        other(json!({ "sub": null })),
        other(json!({ "sub": "" })),
    ] {
        world.say(|script| script.id_token = bad.clone());
        let answer = world.sign_in(&mut world.site.browser(), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{bad}");
    }
    assert_eq!(world.user().await, None);
}

/// Otherwise whoever can write a token is whoever they like.
#[tokio::test]
async fn what_the_provider_did_not_sign_is_not_believed() {
    let world = World::new();
    let none = |token: String| {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
        format!("{header}.{}.", token.split('.').nth(1).unwrap())
    };
    let changed = |token: String| {
        let parts: Vec<&str> = token.split('.').collect();
        let said = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
        let said = said.replace("\"subject\"", "\"sUbject\"");
        format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(said), parts[2])
    };
    let unsigned = |token: String| format!("{}.", token.rsplit_once('.').unwrap().0);
    let nothing = |_: String| "nothing".to_owned();
    for spoil in [none, changed, unsigned, nothing as fn(String) -> String] {
        world.say(|script| script.spoil = spoil);
        let answer = world.sign_in(&mut world.site.browser(), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    }
    world.say(|script| script.spoil = |token| token);
    let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256","kid":"r","crit":["x"]}"#);
    let (signed, keys) = (sign(Algorithm::RS256, "r", &claims(json!({}))), published());
    let demanding = format!("{header}.{}", signed.split_once('.').unwrap().1);
    let keys: Vec<Jwk> = serde_json::from_value(json!([keys["keys"][1]])).unwrap();
    assert!(verify(&signed, &keys).is_ok());
    assert_eq!(verify(&demanding, &keys), Err(SignatureError::Malformed));
    world.say(|script| script.token_type = "mac");
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "a token of another type");
    world.say(|script| script.token_type = "Bearer");
    for (algorithm, kid) in [
        (Algorithm::HS256, "r"),
        (Algorithm::RS256, "e"),
        (Algorithm::ES256, "r"),
        (Algorithm::RS256, "unknown"),
    ] {
        world.say(|script| {
            script.algorithm = algorithm;
            script.kid = kid;
        });
        let answer = world.sign_in(&mut world.site.browser(), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{algorithm:?} {kid}");
    }
    assert_eq!(world.user().await, None);
    assert_eq!(world.script.lock().keys_fetched, 1, "a made-up key's name fetches nothing");
    world.site.host.advance(61_000);
    world.say(|script| script.id_token = claims(json!({ "exp": NOW_S + 600 })));
    world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(world.script.lock().keys_fetched, 2, "but a new key is found");
    world.site.host.advance(61_000);
    world.say(|script| script.kid = "e");
    world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(world.script.lock().keys_fetched, 3, "as one that took another's name");
}

/// Otherwise somebody is signed in to another's account by a link (login CSRF), or a code is used
/// twice.
#[tokio::test]
async fn an_answer_comes_back_once_to_the_browser_that_asked() {
    let world = World::new();
    let mut victim = world.site.browser();
    let mut thief = world.site.browser();
    let sent = thief.open("/_estafette/upstream/idp").await;
    let state = sent.location().split("state=").nth(1).unwrap().split('&').next().unwrap();
    let back = format!("/_estafette/upstream/idp/callback?code=code&state={state}");
    assert_eq!(victim.open(&back).await.status, StatusCode::FORBIDDEN);
    assert_eq!(thief.open(&back).await.status, StatusCode::FORBIDDEN, "it was used up");
    let mut browser = world.site.browser();
    for change in [("state", "made-up"), ("state", "")] {
        let answer = world.sign_in(&mut browser, &[change]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
    }
    let answer = world.sign_in(&mut browser, &[("iss", "https://other.fr")]).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "another provider's answer");
    let answer = world.sign_in(&mut browser, &[("error", "access_denied"), ("code", "")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(world.script.lock().exchanged.len(), 0);
    let answer = world.sign_in(&mut browser, &[("iss", ISSUER)]).await;
    assert_eq!(answer.location(), "/next");
}

/// Otherwise an address that nobody checked, or of a domain that is not the provider's, opens an
/// account.
#[tokio::test]
async fn an_address_counts_when_the_provider_vouches_for_it_and_may() {
    let world = World::new();
    for bad in [
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email_verified": 1 }),
        json!({ "email": null }),
        json!({ "email": "jean@elsewhere.fr" }),
        json!({ "email": "jean@sub.interieur.gouv.fr" }),
        json!({ "email": "jean@evil.fr@interieur.gouv.fr" }),
        json!({ "email": "jean@interieur.gouv.fr\n" }),
    ] {
        world.say(|script| script.id_token = claims(bad.clone()));
        let answer = world.sign_in(&mut world.site.browser(), &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{bad}");
        assert!(answer.body.contains("not confirmed"), "{}", answer.body);
    }
    let trusting = World::with(|provider| provider.vouches_for_email = true);
    trusting.say(|script| script.id_token = claims(json!({ "email_verified": false })));
    let answer = trusting.sign_in(&mut trusting.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "a no is a no");
    trusting.say(|script| script.id_token = claims(json!({ "email_verified": null })));
    let answer = trusting.sign_in(&mut trusting.site.browser(), &[]).await;
    assert_eq!(answer.location(), "/next");
}

/// Otherwise an agent with an account gets a second one, or an address that went to somebody else
/// opens the account of the one before.
#[tokio::test]
async fn an_account_is_found_by_its_address_once() {
    let world = World::with(|provider| provider.creates_accounts = false);
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("No account"), "{}", answer.body);
    let strict = World::under(|_| {}, false);
    let answer = strict.sign_in(&mut strict.site.browser(), &[]).await;
    assert!(answer.body.contains("No account"), "the policy expects nobody: {}", answer.body);
    let user_id = world.agent().await;
    // Nobody has used it yet.
    world.site.identity.store.set_password(&user_id, None, None).await.unwrap();
    let capitals = json!({ "email": "Jean.DUPONT@Interieur.gouv.fr" });
    world.say(|script| script.id_token = claims(capitals));
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
    assert_eq!(world.user().await, Some(user_id.clone()));
    world.say(|script| {
        script.id_token = claims(json!({ "sub": "successor" }));
        script.user_info = json!({ "sub": "successor" });
    });
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("under another identity"), "{}", answer.body);
    world.site.identity.store.deactivate_account(&user_id, false, 1).await.unwrap();
    world.say(|script| {
        script.id_token = claims(json!({}));
        script.user_info = json!({ "sub": "subject" });
    });
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert!(answer.body.contains("closed"), "{}", answer.body);
}

/// Otherwise the answer about another person is taken for this one's, or ProConnect's is refused.
#[tokio::test]
async fn user_info_is_about_the_same_person_and_signed_for_us() {
    let world = World::new();
    let only_there = json!({ "email": null, "email_verified": null });
    world.say(|script| {
        script.id_token = claims(only_there);
        script.user_info = claims(json!({ "sub": "another" }));
    });
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    world.say(|script| script.signed_user_info = true);
    for bad in [
        json!({ "sub": "another" }),
        json!({ "aud": "another" }),
        json!({ "iss": "https://other.fr" }),
        json!({ "exp": NOW_S - 61 }),
    ] {
        world.say(|script| script.user_info = claims(bad.clone()));
        let answer = world.sign_in(&mut world.site.browser(), &[]).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{bad}");
    }
    world.say(|script| script.user_info = claims(json!({})));
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
}

/// Otherwise an address that nobody checked opens an account because another one was checked.
#[tokio::test]
async fn one_address_is_not_vouched_for_by_a_word_about_another() {
    let world = World::new();
    let other = "chef@interieur.gouv.fr";
    world.say(|script| script.user_info = json!({ "sub": "subject", "email": other }));
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.body);
    assert_eq!(world.user().await, None);
    world.say(|script| {
        script.user_info = json!({ "sub": "subject", "email": other, "email_verified": true });
    });
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
    let person = world.site.identity.store.person_by_email(other).await.unwrap();
    assert_eq!(person.map(|person| person.user_id), world.user().await);
}

/// Otherwise we are sent to another provider, or in clear.
#[tokio::test]
async fn a_provider_is_the_one_that_is_configured() {
    for change in [
        json!({ "issuer": "https://idp.fr/api/" }),
        json!({ "token_endpoint": "http://idp.fr/token" }),
        json!({ "jwks_uri": null }),
    ] {
        let world = World::new();
        world.say(|script| {
            for (name, value) in change.as_object().unwrap() {
                script.metadata[name] = value.clone();
            }
        });
        let answer = world.site.browser().open("/_estafette/upstream/idp").await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY, "{change}");
    }
    let world = World::new();
    let answer = world.site.browser().open("/_estafette/upstream/other").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

fn logout_token(change: Value) -> String {
    let events = json!({ "http://schemas.openid.net/event/backchannel-logout": {} });
    let mut claims = claims(change);
    let members = claims.as_object_mut().unwrap();
    members.entry("events").or_insert(events);
    members.entry("jti").or_insert_with(|| "logout".into());
    sign(Algorithm::RS256, "r", &claims)
}

/// Otherwise somebody who left the service is still in, or anybody signs anybody out.
#[tokio::test]
async fn who_signs_out_there_is_signed_out_here() {
    let world = World::with(|provider| provider.logout = LogoutReach::Devices);
    world.say(|script| script.id_token = claims(json!({ "sid": "one" })));
    let mut first = world.site.browser();
    world.sign_in(&mut first, &[]).await;
    let user_id = world.user().await.unwrap();
    let device_id = DeviceId::parse("D").unwrap();
    let tokens = TokenPair { access: TokenHash::of("token"), expires_ms: None, refresh: None };
    let login = NewLogin { device_id, display_name: None, tokens };
    world.site.identity.store.log_in(&user_id, login, 0).await.unwrap();
    for bad in [
        json!({ "nonce": "x" }),
        json!({ "events": {} }),
        json!({ "aud": "another" }),
        json!({ "iss": "https://other.fr" }),
        json!({ "iat": NOW_S - 700, "exp": null }),
        json!({ "sub": null }),
        json!({ "jti": "" }),
    ] {
        assert_eq!(
            world.logout(&logout_token(bad.clone())).await,
            StatusCode::BAD_REQUEST,
            "{bad}"
        );
    }
    assert_eq!(world.logout("nothing").await, StatusCode::BAD_REQUEST);
    let is_in = async || {
        world.site.identity.store.session(&TokenHash::of("token")).await.unwrap().is_some()
    };
    let open =
        async |browser: &mut TestBrowser<'_>| browser.open("/_estafette/account").await.status;
    assert!(is_in().await && open(&mut first).await == StatusCode::OK);
    let token = logout_token(json!({ "sid": "one", "sub": null }));
    assert_eq!(world.logout(&token).await, StatusCode::OK);
    assert!(!is_in().await, "the devices as well");
    assert_eq!(open(&mut first).await, StatusCode::SEE_OTHER);
    world.sign_in(&mut first, &[]).await;
    assert_eq!(world.logout(&token).await, StatusCode::BAD_REQUEST, "its repeat");
    assert_eq!(open(&mut first).await, StatusCode::OK);
    assert_eq!(world.logout(&logout_token(json!({ "jti": "2" }))).await, StatusCode::OK);
    assert_eq!(open(&mut first).await, StatusCode::SEE_OTHER, "all of the subject");
}

/// Otherwise the next person at the same machine is signed in by the one before.
#[tokio::test]
async fn who_signs_out_here_can_sign_out_there() {
    let world = World::new();
    let mut browser = world.site.browser();
    world.sign_in(&mut browser, &[]).await;
    browser.open("/_estafette/account").await;
    let page = browser.submit("/_estafette/sign-out", &[]).await;
    assert!(page.body.contains("Also sign out of Provider"), "{}", page.body);
    assert!(page.body.contains("https://idp.fr/end?id_token_hint="), "{}", page.body);
    assert!(page.body.contains("&amp;state=esl_"), "ProConnect wants one: {}", page.body);
    let account = browser.open("/_estafette/account").await;
    assert!(account.location().starts_with("/_estafette/sign-in"));
}

/// Without it a ministry that demands two factors gets people in by a password alone: a provider may
/// take what is asked for as a wish.
#[tokio::test]
async fn who_proved_less_than_is_demanded_is_not_let_in() {
    let strong = ["eidas1-mfa".to_owned(), "eidas2".to_owned()];
    let hint = ("idp_hint".to_owned(), "71144ab3".to_owned());
    let world = World::with(|provider| {
        provider.acr_values = strong.to_vec();
        provider.amr_values = vec!["mfa".into(), "pop".into()];
        provider.authorization_parameters = [hint].into();
    });
    let mut browser = world.site.browser();
    for weak in [
        json!({}),
        json!({ "acr": "eidas1", "amr": ["mfa"] }),
        json!({ "acr": "eidas1-mfa eidas2", "amr": ["mfa"] }),
        json!({ "acr": ["eidas2"], "amr": ["mfa"] }),
        json!({ "acr": "eidas2" }),
        json!({ "acr": "eidas2", "amr": ["pwd"] }),
        json!({ "acr": "eidas2", "amr": "mfa" }),
    ] {
        world.say(|script| script.id_token = claims(weak.clone()));
        // What is not signed for us by the same token says nothing of it.
        world.say(|script| {
            script.user_info = json!({ "sub": "subject", "acr": "eidas2", "amr": ["mfa"] });
        });
        let answer = world.sign_in(&mut browser, &[]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{weak}");
        assert!(answer.body.contains("second factor"), "{}", answer.body);
    }
    assert_eq!(world.user().await, None);
    let sure = claims(json!({ "acr": "eidas2", "amr": ["pwd", "mfa"] }));
    world.say(|script| script.id_token = sure);
    assert_eq!(world.sign_in(&mut browser, &[]).await.location(), "/next");
    let sent = browser.open("/_estafette/upstream/idp").await;
    let wanted = r#"{"id_token":{"amr":{"essential":true}}}"#;
    let wanted = serde_urlencoded::to_string([("claims", wanted)]).unwrap();
    for part in ["acr_values=eidas1-mfa+eidas2", &wanted, "idp_hint=71144ab3"] {
        assert!(sent.location().contains(&format!("&{part}")), "{part}: {}", sent.location());
    }
}

/// Without it a provider that asks for a second factor only where it is essential never asks.
#[tokio::test]
async fn what_is_essential_is_asked_for_as_such() {
    for (values, wanted) in [
        (vec!["eidas2"], r#"{"id_token":{"acr":{"essential":true,"value":"eidas2"}}}"#),
        (vec!["a", "b"], r#"{"id_token":{"acr":{"essential":true,"values":["a","b"]}}}"#),
    ] {
        let world = World::with(|provider| {
            provider.acr_values = values.iter().map(|value| (*value).to_owned()).collect();
            provider.acr_essential = true;
        });
        let sent = world.site.browser().open("/_estafette/upstream/idp").await;
        let wanted = serde_urlencoded::to_string([("claims", wanted)]).unwrap();
        assert!(sent.location().contains(&format!("&{wanted}")), "{}", sent.location());
        assert!(!sent.location().contains("acr_values="), "{}", sent.location());
    }
}

const JOIN: &str = "/_estafette/upstream/idp/join";

/// Otherwise the account of somebody who left opens to whoever has their address now.
#[tokio::test]
async fn an_account_that_was_used_is_joined_by_its_password_once() {
    let world = World::new();
    let user_id = world.agent().await;
    let mut browser = world.site.browser();
    let page = world.sign_in(&mut browser, &[]).await;
    assert!(page.body.contains("An account has your address already"), "{}", page.body);
    assert_eq!(world.user().await, None);
    let account = browser.open("/_estafette/account").await;
    assert_eq!(account.status, StatusCode::SEE_OTHER, "nobody is signed in yet");
    world.sign_in(&mut browser, &[]).await;
    let page = browser.submit(JOIN, &[("password", "wrong")]).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("aria-invalid"), "{}", page.body);
    let answer = browser.submit(JOIN, &[("password", "correct horse")]).await;
    assert_eq!(answer.location(), "/next", "{}", answer.body);
    assert_eq!(world.user().await, Some(user_id));
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
}

/// Otherwise the page is a place to guess passwords at, or another's form joins somebody.
#[tokio::test]
async fn joining_ends_with_its_tries_its_time_and_its_browser() {
    let world = World::new();
    world.agent().await;
    let mut browser = world.site.browser();
    let page = world.sign_in(&mut browser, &[]).await;
    let field = page.body.split("name=\"join\" value=\"").nth(1).unwrap();
    let name = field.split('"').next().unwrap();
    let mut thief = world.site.browser();
    world.sign_in(&mut thief, &[]).await;
    let right = [("password", "correct horse")];
    let answer = thief.submit(JOIN, &[("join", name), right[0]]).await;
    let ended = "too many tries. Start again.";
    assert!(answer.body.contains(ended), "another browser: {}", answer.body);
    for _ in 0..5 {
        let page = browser.submit(JOIN, &[("password", "wrong")]).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let answer = browser.submit(JOIN, &right).await;
    assert!(answer.body.contains(ended), "too many tries: {}", answer.body);
    let mut late = world.site.browser();
    world.sign_in(&mut late, &[]).await;
    world.site.host.advance(15 * 60 * 1000);
    assert!(late.submit(JOIN, &right).await.body.contains(ended), "too late");
    assert_eq!(world.user().await, None);
}

/// Otherwise others who guess at an account take its owner's tries away.
#[tokio::test]
async fn who_has_to_wait_loses_no_try_to_join() {
    let world = World::new();
    let user_id = world.agent().await;
    let mut browser = world.site.browser();
    let page = world.sign_in(&mut browser, &[]).await;
    let field = |name: &str| {
        let rest = page.body.split(&format!("name=\"{name}\" value=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().to_owned()
    };
    let (token, name) = (field("form_token"), field("join"));
    world.site.host.limits.store(true, Ordering::SeqCst);
    for source in ["127.0.0.1", "127.0.0.1", "127.0.0.1", "10.0.0.1"] {
        let from = Origin::stranger(source);
        let _guess = world.site.host.begin_guess(user_id.as_str(), &from).unwrap();
    }
    let fields = [("form_token", &*token), ("join", &*name), ("password", "correct horse")];
    let body = serde_urlencoded::to_string(fields).unwrap();
    for _ in 0..=UPSTREAM_JOIN_TRIES {
        assert_eq!(browser.post(JOIN, &body).await.status, StatusCode::TOO_MANY_REQUESTS);
    }
    world.site.host.advance(60_000);
    assert_eq!(browser.post(JOIN, &body).await.location(), "/next");
    assert_eq!(world.user().await, Some(user_id));
}

/// Otherwise operators whose provider never gives an address twice ask everybody for a password, or
/// those of others ask nobody.
#[tokio::test]
async fn authority_over_a_domain_joins_what_is_no_other_subjects() {
    let world = World::with(|provider| provider.authoritative_domains = vec!["*".into()]);
    let user_id = world.agent().await;
    assert_eq!(world.sign_in(&mut world.site.browser(), &[]).await.location(), "/next");
    assert_eq!(world.user().await, Some(user_id.clone()));
    world.say_subject("successor", json!({}));
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert!(answer.body.contains("has your address already"), "{}", answer.body);
    assert_eq!(world.user().await, Some(user_id), "authority does not replace a subject");

    let elsewhere = |provider: &mut ProviderConfig| {
        provider.domains.push("finances.gouv.fr".into());
        provider.authoritative_domains = vec!["finances.gouv.fr".into()];
    };
    let world = World::with(elsewhere);
    let user_id = world.agent().await;
    let page = world.sign_in(&mut world.site.browser(), &[]).await;
    assert!(page.body.contains("has your address already"), "{}", page.body);
    // Without a password nobody can tell whose it is.
    let device_id = DeviceId::parse("D").unwrap();
    let tokens = TokenPair { access: TokenHash::of("token"), expires_ms: None, refresh: None };
    let login = NewLogin { device_id, display_name: None, tokens };
    world.site.identity.store.log_in(&user_id, login, 0).await.unwrap();
    world.site.identity.store.set_password(&user_id, None, None).await.unwrap();
    let answer = world.sign_in(&mut world.site.browser(), &[]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("may be another person"), "{}", answer.body);
    assert_eq!(world.user().await, None);
}

/// Otherwise a browser that was left open ends an account: the provider signs it in again without
/// asking anything.
#[tokio::test]
async fn what_cannot_be_undone_is_proven_at_the_provider_by_the_same_person() {
    let world = World::new();
    let mut browser = world.site.browser();
    world.sign_in(&mut browser, &[]).await;
    let user_id = world.user().await.unwrap();
    let account = "/_estafette/account?action=org.matrix.account_deactivate";
    let end = "/_estafette/account/deactivate";
    let typed = [("typed", user_id.as_str())];
    let is_open =
        async || !world.site.identity.store.account(&user_id).await.unwrap().unwrap().deactivated;
    // Before the form is filled in, and where it is sent all the same.
    let asked = browser.open(account).await;
    assert!(asked.location().starts_with("/_estafette/upstream/idp/again?continue="));
    browser.open("/_estafette/account").await;
    let answer = browser.submit_to("/_estafette/sign-out", end, &typed).await;
    assert!(answer.location().starts_with("/_estafette/upstream/idp/again?continue="));
    let page = browser.follow().await;
    assert!(page.body.contains("Confirm that it is you"), "{}", page.body);
    assert!(page.body.contains("/_estafette/upstream/idp?again=yes&amp;continue="));
    let stranger = world.site.browser().open("/_estafette/upstream/idp/again").await;
    assert!(stranger.location().starts_with("/_estafette/sign-in?continue="));

    for unproven in [
        json!({}),
        json!({ "auth_time": null }),
        json!({ "auth_time": NOW_S - 61 }),
        json!({ "auth_time": "now" }),
    ] {
        world.say_subject("subject", unproven.clone());
        let answer = world.prove_again(&mut browser).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{unproven}");
        assert!(answer.body.contains("not checked that it is you"), "{}", answer.body);
    }
    world.say_subject("subject", json!({ "auth_time": NOW_S + 61 }));
    assert_eq!(world.prove_again(&mut browser).await.status, StatusCode::BAD_GATEWAY);
    // Somebody else at the same machine, with an account of their own.
    let other = json!({ "auth_time": NOW_S, "email": "eve@interieur.gouv.fr" });
    world.say_subject("other", other);
    let answer = world.prove_again(&mut browser).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("somebody else"), "{}", answer.body);
    browser.open("/_estafette/account").await;
    let answer = browser.submit_to("/_estafette/sign-out", end, &typed).await;
    assert!(answer.location().contains("/again"), "still signed in, still not proven");
    assert!(is_open().await);

    world.say_subject("subject", json!({ "auth_time": NOW_S - 5 }));
    assert_eq!(world.prove_again(&mut browser).await.location(), "/next");
    world.site.host.advance(10 * 60 * 1000);
    browser.open("/_estafette/account").await;
    let answer = browser.submit_to("/_estafette/sign-out", end, &typed).await;
    assert!(answer.location().contains("/again"), "long ago");
    let now_s = NOW_S + 600;
    world.say_subject("subject", json!({ "auth_time": now_s, "exp": now_s + 60 }));
    assert_eq!(world.prove_again(&mut browser).await.location(), "/next");
    browser.open(account).await;
    let page = browser.submit(end, &typed).await;
    assert!(page.body.contains("Account deleted"), "{}", page.body);
    assert!(!is_open().await);
}

/// Otherwise signing in once more by a provider that asks nothing counts as proof.
#[tokio::test]
async fn signing_in_by_a_provider_is_no_proof_of_its_own() {
    let world = World::new();
    let mut browser = world.site.browser();
    for (auth_time, place) in [
        (json!(null), "/_estafette/upstream/idp/again"),
        (json!(NOW_S - 601), "/_estafette/upstream/idp/again"),
        (json!(NOW_S - 599), ""),
    ] {
        world.say_subject("subject", json!({ "auth_time": auth_time }));
        world.sign_in(&mut browser, &[]).await;
        browser.open("/_estafette/account").await;
        let typed = [("typed", "no")];
        let end = "/_estafette/account/deactivate";
        let answer = browser.submit_to("/_estafette/sign-out", end, &typed).await;
        assert!(answer.location().starts_with(place), "{auth_time}: {}", answer.location());
        assert_eq!(answer.location().is_empty(), place.is_empty(), "{auth_time}");
    }
}

/// Otherwise a provider that ends a session by its name alone leaves the devices of everybody who
/// signed out of the page since.
#[tokio::test]
async fn a_sessions_name_alone_reaches_the_devices() {
    let world = World::with(|provider| provider.logout = LogoutReach::Devices);
    world.say(|script| script.id_token = claims(json!({ "sid": "one" })));
    let mut browser = world.site.browser();
    world.sign_in(&mut browser, &[]).await;
    let user_id = world.user().await.unwrap();
    let device_id = DeviceId::parse("D").unwrap();
    let tokens = TokenPair { access: TokenHash::of("token"), expires_ms: None, refresh: None };
    let login = NewLogin { device_id, display_name: None, tokens };
    let store = &world.site.identity.store;
    store.log_in(&user_id, login, 0).await.unwrap();
    browser.open("/_estafette/account").await;
    browser.submit("/_estafette/sign-out", &[]).await;
    let is_in = async || store.session(&TokenHash::of("token")).await.unwrap().is_some();
    let other = logout_token(json!({ "sid": "two", "sub": null, "jti": "0" }));
    assert_eq!(world.logout(&other).await, StatusCode::OK, "ended already, as far as we know");
    assert!(is_in().await);
    let token = logout_token(json!({ "sid": "one", "sub": null }));
    assert_eq!(world.logout(&token).await, StatusCode::OK);
    assert!(!is_in().await);

    world.sign_in(&mut browser, &[]).await;
    world.site.host.advance(10 * 60 * 60 * 1000);
    assert_eq!(world.site.identity.sweep_upstream().await.unwrap(), 1, "the browser");
    world.site.host.advance(30 * 24 * 60 * 60 * 1000);
    assert_eq!(world.site.identity.sweep_upstream().await.unwrap(), 1, "the name");
}

/// Otherwise a sign-in under way is found letter by letter, or the nonce of its token (F-25). For
/// `cargo xtask timing --secrets`.
#[test]
#[ignore = "measures"]
fn nonces_in_constant_time() {
    let nonce = "xJ5nNLZpQmzV0pWcU9rTbGkYhE3sDfA2yHqOeX7iKvM";
    let wrong = |class, random: &mut Random| {
        let given = guess(nonce, 0, class, random);
        let claims = json!({
            "iss": ISSUER, "aud": "estafette", "sub": "s", "nonce": given,
            "iat": NOW_S, "exp": NOW_S + 60,
        });
        let Value::Object(claims) = claims else { panic!("{claims}") };
        claims
    };
    let expected = Expected { issuer: ISSUER, client_id: "estafette", now_s: NOW_S };
    let look = |claims: &serde_json::Map<String, Value>| {
        assert_eq!(check_id_token(claims, &expected, nonce), Err(ClaimError::Nonce));
    };
    let trial = Trial::from_environment();
    trial.compare("nonce of an ID token", wrong, look).check().unwrap();
}

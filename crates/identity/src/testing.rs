// SPDX-License-Identifier: Apache-2.0
//! Identity without a homeserver, for tests: a temporary database, a clock that stands still,
//! chance that repeats itself, passwords that take no time, and a browser that keeps its cookie.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use estafette_core::{
    guesses::{Guess, Origin, Shares, Standing, Tally},
    ids::{DeviceId, ServerName, UserId},
};
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _,
    accounts::{NewAccount, NewLogin, PasswordHash, TokenHash, TokenPair},
    fact::NoSink,
    people::{AdminAct, AdminOutcome, AuditEntry, Placed, Placement},
    sqlite::{SqliteOptions, SqliteStore},
};
use http::{HeaderMap, Request, StatusCode, header};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tower::ServiceExt as _;
use zeroize::Zeroizing;

use crate::{
    Host, HostError, Identity, IdentityConfig,
    config::MailTransport,
    host::{AskedLeave, FetchRequest, FetchResponse},
};

/// Tries that one may make at once, and how many come back per second.
const PROOFS_BURST: f64 = 10.0;
const PROOFS_PER_S: f64 = 0.17;
/// The same for whatever counts per source address.
const SOURCE_BURST: f64 = 20.0;
const SOURCE_PER_S: f64 = 1.0;

/// A provider as the configuration file has it.
pub(crate) const PROVIDER: &str = r#"
id = "idp"
name = "Provider"
issuer = "https://idp.fr"
client_id = "estafette"
client_secret = "secret"
domains = ["*"]
asks_again = true
"#;

/// A running server that exists only here.
pub(crate) struct TestHost {
    server_name: ServerName,
    now_ms: AtomicI64,
    drawn: AtomicU64,
    buckets: Mutex<HashMap<String, (f64, i64)>>,
    passwords: Mutex<Tally>,
    codes: Mutex<Tally>,
    /// From where people of this server use it.
    pub(crate) houses: Mutex<Vec<IpAddr>>,
    /// What [`Host::public_base_url`] says.
    pub(crate) base_url: Mutex<Option<String>>,
    /// What [`Host::support_page`] says.
    pub(crate) support_page: Mutex<Option<String>>,
    mail_key: [u8; 32],
    /// What [`Host::has_web_client`] says.
    pub(crate) web_client: AtomicBool,
    /// Whether [`Host::limit_proof`] refuses anything.
    pub(crate) limits: AtomicBool,
    /// Whether [`Host::limit_proof`] refuses everything.
    pub(crate) exhausted: AtomicBool,
    /// Who had their proofs forgotten.
    pub(crate) forgotten: Mutex<Vec<UserId>>,
    /// Whose profile was carried into their rooms.
    pub(crate) profiles: Mutex<Vec<UserId>>,
    /// What operators were told.
    pub(crate) alerts: Mutex<Vec<String>>,
    /// What is asked of whom, by session.
    pub(crate) leaves: Mutex<HashMap<(String, UserId), AskedLeave>>,
    /// What other servers answer; `None`: nothing.
    pub(crate) elsewhere: Mutex<Option<Elsewhere>>,
    store: SqliteStore,
}

/// What other servers answer.
pub(crate) type Elsewhere =
    Box<dyn FnMut(&FetchRequest) -> Result<FetchResponse, HostError> + Send>;

impl TestHost {
    /// Lets time pass.
    pub(crate) fn advance(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// As whose a browser is known until all of theirs are signed out.
    async fn known_as(&self, subject: &str) -> String {
        let generation = self.store.browsers_generation(subject).await.unwrap();
        format!("{subject}#{generation}")
    }

    /// What every limit says that is switched off, or exhausted.
    fn switched(&self) -> Option<Result<(), HostError>> {
        if self.exhausted.load(Ordering::SeqCst) {
            return Some(Err(HostError::Limited { retry_after_ms: 6_000 }));
        }
        (!self.limits.load(Ordering::SeqCst)).then_some(Ok(()))
    }

    fn limit(&self, who: &str, per_s: f64, burst: f64) -> Result<(), HostError> {
        if let Some(switched) = self.switched() {
            return switched;
        }
        let now_ms = self.now_ms();
        let mut buckets = self.buckets.lock();
        let (tokens, filled_ms) = buckets.entry(who.to_owned()).or_insert((burst, now_ms));
        let passed_s = (now_ms - *filled_ms) as f64 / 1000.0;
        *tokens = (*tokens + passed_s * per_s).min(burst);
        *filled_ms = now_ms;
        if *tokens < 1.0 {
            return Err(HostError::Limited { retry_after_ms: 6_000 });
        }
        *tokens -= 1.0;
        Ok(())
    }
}

#[async_trait]
impl Host for TestHost {
    fn server_name(&self) -> &ServerName {
        &self.server_name
    }

    fn public_base_url(&self) -> Option<String> {
        self.base_url.lock().clone()
    }

    fn serves_tls(&self) -> bool {
        false
    }

    fn mail_key(&self) -> &[u8; 32] {
        &self.mail_key
    }

    fn alert(&self, sentence: &str) {
        self.alerts.lock().push(sentence.to_owned());
    }

    fn has_web_client(&self) -> bool {
        self.web_client.load(Ordering::SeqCst)
    }

    fn support_page(&self) -> Option<String> {
        self.support_page.lock().clone()
    }

    fn now_ms(&self) -> i64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
            let random = Sha256::digest(drawn.to_le_bytes());
            chunk.copy_from_slice(&random[..chunk.len()]);
        }
    }

    fn remote_address(&self, parts: &http::request::Parts) -> IpAddr {
        let given = parts.headers.get("x-test-address").and_then(|value| value.to_str().ok());
        given.and_then(|text| text.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }

    async fn requester(
        &self,
        parts: &http::request::Parts,
    ) -> Result<Option<UserId>, Box<Response>> {
        let Some(value) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
        let token = value.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let session = self.store.session(&TokenHash::of(token)).await.unwrap();
        let works = |ends_ms: Option<i64>| ends_ms.is_none_or(|ends_ms| ends_ms > self.now_ms());
        match session.filter(|session| works(session.expires_ms)) {
            Some(session) => Ok(Some(session.user_id.clone())),
            None => {
                let body = r#"{"errcode":"M_UNKNOWN_TOKEN"}"#;
                Err(Box::new((StatusCode::UNAUTHORIZED, body).into_response()))
            }
        }
    }

    async fn origin(
        &self,
        subject: &str,
        network: IpAddr,
        known: Option<&str>,
    ) -> Result<Origin, HostError> {
        let known = known.and_then(|known| known.split_once('|'));
        let this = self.known_as(subject).await;
        let known = known.filter(|(_, whose)| whose.split(',').any(|one| one == this));
        let standing = match known {
            Some((name, _)) => Standing::Browser(name.to_owned()),
            None if self.houses.lock().contains(&network) => Standing::House,
            None => Standing::Stranger,
        };
        Ok(Origin { source: network.to_string(), standing })
    }

    async fn remember_browser(
        &self,
        known: Option<&str>,
        user_id: &UserId,
    ) -> Result<String, HostError> {
        let this = self.known_as(user_id.as_str()).await;
        Ok(match known {
            Some(known) => format!("{known},{this}"),
            None => format!("{}|{this}", self.drawn.fetch_add(1, Ordering::SeqCst)),
        })
    }

    fn begin_guess(&self, subject: &str, from: &Origin) -> Result<Guess, HostError> {
        if let Some(switched) = self.switched() {
            return switched.map(|()| Guess::uncounted());
        }
        let taken = self.passwords.lock().take(subject, from, self.now_ms());
        taken.map_err(|retry_after_ms| HostError::Limited { retry_after_ms })
    }

    fn begin_code(&self, address: &str, _: IpAddr, from: &Origin) -> Result<(), HostError> {
        if let Some(switched) = self.switched() {
            return switched;
        }
        let taken = self.codes.lock().take(address, from, self.now_ms());
        taken.map(|_| ()).map_err(|retry_after_ms| HostError::Limited { retry_after_ms })
    }

    fn begin_code_try(&self, _: IpAddr, _: &Origin, is_first: bool) -> Result<bool, HostError> {
        self.switched().unwrap_or(Ok(())).map(|()| !is_first)
    }

    fn code_was_right(&self, address: &str, _: IpAddr, from: &Origin, _: bool) {
        self.codes.lock().was_right(address, from);
    }

    fn begin_sign_in(&self, network: IpAddr, from: &Origin) -> Result<(), HostError> {
        match from.standing {
            Standing::Browser(_) | Standing::Session(_) => Ok(()),
            _ => self.limit_source(&format!("login from {network}")),
        }
    }

    fn sign_in_was_right(&self, _: IpAddr, _: &Origin) {}

    fn limit_proof(&self, who: &str) -> Result<(), HostError> {
        self.limit(who, PROOFS_PER_S, PROOFS_BURST)
    }

    fn limit_source(&self, who: &str) -> Result<(), HostError> {
        self.limit(who, SOURCE_PER_S, SOURCE_BURST)
    }

    async fn hash_password(&self, password: &Zeroizing<String>) -> Result<PasswordHash, HostError> {
        Ok(quick_hash(password))
    }

    async fn password_matches(
        &self,
        guess: Guess,
        password: &Zeroizing<String>,
        kept: Option<&PasswordHash>,
    ) -> Result<bool, HostError> {
        let right = kept.is_some_and(|kept| *kept == quick_hash(password));
        if right {
            self.passwords.lock().give_back(guess);
        }
        Ok(right)
    }

    fn check_new_password(&self, password: &str) -> Result<(), HostError> {
        if password.chars().count() < 8 {
            return Err(HostError::WeakPassword("too short".into()));
        }
        Ok(())
    }

    fn forget_proofs(&self, user_id: &UserId) {
        self.forgotten.lock().push(user_id.clone());
    }

    fn login_token(&self, user_id: &UserId) -> Result<String, HostError> {
        Ok(format!("token-of-{user_id}"))
    }

    fn asked_leave(&self, session: &str, user_id: &UserId) -> Option<AskedLeave> {
        self.leaves.lock().get(&(session.to_owned(), user_id.clone())).cloned()
    }

    fn give_leave(&self, session: &str, user_id: &UserId) -> bool {
        let mut leaves = self.leaves.lock();
        let asked = leaves.get_mut(&(session.to_owned(), user_id.clone()));
        asked.map(|asked| asked.given = true).is_some()
    }

    async fn deactivate(&self, user_id: &UserId, erase: bool) -> Result<bool, HostError> {
        let done = self.store.deactivate_account(user_id, erase, self.now_ms()).await;
        done.map_err(|error| HostError::Internal(error.to_string()))
    }

    async fn administer(
        &self,
        entry: AuditEntry,
        subject: Option<&UserId>,
        acts: Vec<AdminAct>,
    ) -> Result<AdminOutcome, HostError> {
        let done = self.store.administer_all(entry, subject.map(UserId::as_str), acts).await;
        done.map_err(|error| HostError::Internal(error.to_string()))
    }

    async fn place(
        &self,
        entry: AuditEntry,
        placements: Vec<(UserId, Placement)>,
    ) -> Result<Vec<Placed>, HostError> {
        let placed = self.store.place_people(entry, placements).await;
        let placed = placed.map_err(|error| HostError::Internal(error.to_string()))?;
        let renamed = placed.iter().filter(|placed| placed.shown_anew);
        self.profiles.lock().extend(renamed.map(|placed| placed.user_id.clone()));
        Ok(placed)
    }

    fn profile_changed(&self, user_id: &UserId) {
        self.profiles.lock().push(user_id.clone());
    }

    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, HostError> {
        match &mut *self.elsewhere.lock() {
            Some(answer) => answer(&request),
            None => Err(HostError::Unreachable(request.url)),
        }
    }
}

pub(crate) fn quick_hash(password: &str) -> PasswordHash {
    PasswordHash(STANDARD.encode(Sha256::digest(password.as_bytes())))
}

/// Identity at `x.fr` and a way to talk to it.
pub(crate) struct TestIdentity {
    pub(crate) identity: Arc<Identity>,
    pub(crate) host: Arc<TestHost>,
    router: Router,
    folder: tempfile::TempDir,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// Where the answer leads.
    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map_or("", |value| value.to_str().unwrap())
    }
}

impl TestIdentity {
    /// With the default configuration.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// With another configuration.
    pub(crate) fn with(change: impl FnOnce(&mut IdentityConfig)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = IdentityConfig::default();
        change(&mut config);
        let options = SqliteOptions::new(folder.path().join("db"));
        let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
        // Without one no mail leaves.
        let smtp = config.mail.transport == MailTransport::Smtp;
        let base_url = smtp.then(|| "http://x.fr".to_owned());
        let host = Arc::new(TestHost {
            server_name: ServerName::parse("x.fr").unwrap(),
            now_ms: AtomicI64::new(1_700_000_000_000),
            drawn: AtomicU64::new(1),
            buckets: Mutex::default(),
            passwords: Mutex::new(Tally::new(Shares::of_passwords(10), 10_000)),
            codes: Mutex::new(Tally::new(Shares::CODES, 10_000)),
            houses: Mutex::default(),
            base_url: Mutex::new(base_url),
            support_page: Mutex::default(),
            mail_key: [7; 32],
            web_client: AtomicBool::new(true),
            limits: AtomicBool::new(true),
            exhausted: AtomicBool::default(),
            forgotten: Mutex::default(),
            profiles: Mutex::default(),
            alerts: Mutex::default(),
            leaves: Mutex::default(),
            elsewhere: Mutex::default(),
            store: store.clone(),
        });
        let identity = Identity::open(config, store, Arc::clone(&host) as _).unwrap();
        let router = identity.routes();
        Self { identity, host, router, folder }
    }

    /// Where the database is.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Sends any request.
    pub(crate) async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        let body = String::from_utf8(bytes.into()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// An account with a password.
    pub(crate) async fn account(&self, localpart: &str, password: &str) -> UserId {
        let user_id = UserId::from_localpart(localpart, self.host.server_name()).unwrap();
        let account = NewAccount {
            user_id: user_id.clone(),
            password_hash: Some(quick_hash(password)),
            appservice_id: None,
            is_admin: false,
            displayname: None,
            registration_token: None,
            login: None,
            now_ms: self.host.now_ms(),
        };
        self.identity.store.create_account(account).await.unwrap();
        user_id
    }

    /// A session of somebody with a device, and its access token.
    pub(crate) async fn access_token(&self, user_id: &UserId) -> String {
        let token = format!("access token of {user_id}");
        let access = TokenHash::of(&token);
        let tokens = TokenPair { access, expires_ms: None, refresh: None };
        let device_id = DeviceId::parse("DEVICE").unwrap();
        let login = NewLogin { device_id, display_name: None, tokens };
        self.identity.store.log_in(user_id, login, self.host.now_ms()).await.unwrap();
        token
    }

    /// A browser without cookies.
    pub(crate) fn browser(&self) -> TestBrowser<'_> {
        TestBrowser {
            site: self,
            cookie: None,
            known: None,
            address: "127.0.0.1".into(),
            language: "en",
            agent: "",
            page: None,
        }
    }
}

/// A browser: it keeps its cookie and fills in the forms of the page that it shows.
pub(crate) struct TestBrowser<'a> {
    site: &'a TestIdentity,
    /// `name=value`, once there is one.
    pub(crate) cookie: Option<String>,
    /// The same of the cookie by which it is known.
    pub(crate) known: Option<String>,
    /// Where it is.
    pub(crate) address: String,
    /// Its `Accept-Language`.
    pub(crate) language: &'static str,
    /// Its `User-Agent`; empty for none.
    pub(crate) agent: &'static str,
    page: Option<Answer>,
}

impl TestBrowser<'_> {
    /// Opens a page.
    pub(crate) async fn open(&mut self, path: &str) -> Answer {
        let request = self.request("GET", path).body(Body::empty()).unwrap();
        self.keep(request).await
    }

    /// Opens where the last answer leads.
    pub(crate) async fn follow(&mut self) -> Answer {
        let to = self.page.as_ref().unwrap().location().to_owned();
        self.open(&to).await
    }

    /// Fills in the first form of the page that posts to a path beginning with `action`, and sends
    /// it with the hidden fields that it has.
    pub(crate) async fn submit(&mut self, action: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.page.clone().unwrap().body;
        let (path, mut all) = hidden_fields(&page, action);
        for (name, value) in fields {
            all.retain(|(known, _)| known != name);
            all.push(((*name).into(), (*value).into()));
        }
        self.post(&path, &serde_urlencoded::to_string(all).unwrap()).await
    }

    /// The token that forms of this browser carry.
    pub(crate) async fn form_token(&mut self) -> String {
        let page = self.open("/_estafette/password/reset").await.body;
        let (_, fields) = hidden_fields(&page, "/_estafette/password/reset");
        fields.into_iter().find(|(name, _)| name == "form_token").unwrap().1
    }

    /// As [`submit`](Self::submit), with the fields of the form sent to another path.
    pub(crate) async fn submit_to(
        &mut self,
        action: &str,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Answer {
        let page = self.page.clone().unwrap().body;
        let (_, mut all) = hidden_fields(&page, action);
        all.extend(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())));
        self.post(path, &serde_urlencoded::to_string(all).unwrap()).await
    }

    /// Posts a form as it is.
    pub(crate) async fn post(&mut self, path: &str, body: &str) -> Answer {
        let request = self
            .request("POST", path)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from(body.to_owned()))
            .unwrap();
        self.keep(request).await
    }

    fn request(&self, method: &str, path: &str) -> http::request::Builder {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "x.fr")
            .header("accept-language", self.language)
            .header("x-test-address", &self.address);
        let cookies = [&self.cookie, &self.known].into_iter().flatten();
        let cookies: Vec<&str> = cookies.map(String::as_str).collect();
        if !cookies.is_empty() {
            request = request.header("cookie", cookies.join("; "));
        }
        if !self.agent.is_empty() {
            request = request.header("user-agent", self.agent);
        }
        request
    }

    async fn keep(&mut self, request: Request<Body>) -> Answer {
        let answer = self.site.send(request).await;
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
            match cookie.trim_start_matches("__Host-").split('=').next() {
                Some("estafette") => self.cookie = Some(cookie.to_owned()),
                Some("estafette-known") => self.known = Some(cookie.to_owned()),
                _ => {}
            }
        }
        self.page = Some(answer.clone());
        answer
    }
}

/// The path and the hidden fields of a form.
pub(crate) fn hidden_fields(page: &str, action: &str) -> (String, Vec<(String, String)>) {
    let forms = || page.split("<form ").skip(1);
    let form = forms()
        .find(|form| attribute(form, "action") == action)
        .or_else(|| forms().find(|form| attribute(form, "action").starts_with(action)))
        .unwrap_or_else(|| panic!("no form that posts to {action} in {page}"));
    let form = form.split("</form>").next().unwrap();
    let hidden = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
    let fields = hidden.map(|input| (attribute(input, "name"), attribute(input, "value")));
    (attribute(form, "action"), fields.collect())
}

fn attribute(tag: &str, name: &str) -> String {
    let tag = tag.split('>').next().unwrap();
    let value =
        tag.split(&format!("{name}=\"")).nth(1).map_or("", |rest| rest.split('"').next().unwrap());
    value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

// SPDX-License-Identifier: Apache-2.0
//! The browser behind a request: its cookie, who is signed in with it, what language they read.
//!
//! The cookie is 32 random bytes. The store knows its SHA-256, and only once somebody is signed in;
//! until then nothing is kept. What is bound to the browser (form tokens, codes sent by mail) is
//! keyed with the cookie itself, so whoever reads the database can use none of it.
//!
//! A second cookie outlives sign-outs: it says that somebody has signed in here before, to nobody
//! but the host, and opens nothing ([`estafette_core::guesses`]).

use std::{net::IpAddr, sync::Arc};

use axum::{extract::FromRequestParts, response::Response};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::{
    guesses::{Origin, Standing},
    ids::UserId,
    limits::{BROWSER_SESSION_S, CONTINUE_BYTES_MAX, KNOWN_BROWSER_S},
};
use estafette_store::{
    IdentityStore as _, UpstreamStore as _,
    accounts::TokenHash,
    identity::{BrowserSession, SignedIn},
    upstream::UpstreamSession,
};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header, request::Parts};
use maud::{Markup, html};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{
    Page, Trouble,
    language::Language,
    layout,
    words::{self, Words},
};
use crate::{
    Identity, account_log, account_pages,
    sign_in::{NOWHERE_ELSE, TO_THE_CLIENT},
    validity::RENEW,
};

/// The cookie's name over https. The prefix makes browsers refuse it from anybody but this host.
const SECURE_COOKIE: &str = "__Host-estafette";
/// Its name over plain http, for development on loopback.
const PLAIN_COOKIE: &str = "estafette";
/// The cookie by which a browser is known as one of its owner's, over https and over plain http.
const SECURE_KNOWN_COOKIE: &str = "__Host-estafette-known";
const PLAIN_KNOWN_COOKIE: &str = "estafette-known";
/// How often the use of a session is written down.
const SEEN_INTERVAL_MS: i64 = 60 * 60 * 1000;
const SECRET_BYTES: usize = 32;

/// The browser that a request comes from.
pub(crate) struct Browser {
    /// Everything else.
    pub(crate) identity: Arc<Identity>,
    /// The language of its reader.
    pub(crate) language: Language,
    /// Where it is, for rate limits.
    pub(crate) address: IpAddr,
    /// What it is called, coarsely.
    kind: String,
    cookie: [u8; SECRET_BYTES],
    /// Whether the cookie has to be set with the answer.
    is_new: bool,
    is_secure: bool,
    session: Option<SignedIn>,
    /// By what the browser is known (`Host::remember_browser`), and whether that has to be set.
    known: Option<String>,
    is_known_anew: bool,
}

impl FromRequestParts<Arc<Identity>> for Browser {
    type Rejection = Trouble;

    async fn from_request_parts(
        parts: &mut Parts,
        identity: &Arc<Identity>,
    ) -> Result<Self, Trouble> {
        let is_secure = is_secure(identity, &parts.headers);
        let presented = presented(&parts.headers, is_secure);
        let agent = parts.headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        let kind = coarse_name(agent.unwrap_or_default());
        let mut browser = Self {
            identity: Arc::clone(identity),
            language: Language::of(&parts.headers),
            address: identity.host.remote_address(parts),
            kind,
            cookie: presented.unwrap_or_default(),
            is_new: presented.is_none(),
            is_secure,
            session: None,
            known: values(&parts.headers, known_cookie(is_secure)).next().map(str::to_owned),
            is_known_anew: false,
        };
        if browser.is_new {
            identity.host.fill_random(&mut browser.cookie);
        } else {
            browser.load_session().await?;
        }
        Ok(browser)
    }
}

impl Browser {
    async fn load_session(&mut self) -> Result<(), Trouble> {
        let (key, now_ms) = (self.key(), self.identity.host.now_ms());
        self.session = self.identity.store.browser_session(key, now_ms).await?;
        if let Some(SignedIn { session, .. }) = &self.session
            && now_ms - session.seen_ms >= SEEN_INTERVAL_MS
        {
            self.identity.store.note_browser_use(key, now_ms).await?;
        }
        Ok(())
    }

    /// Who is signed in with an account that works.
    pub(crate) fn user_id(&self) -> Option<&UserId> {
        self.owner().filter(|_| !self.is_expired())
    }

    /// Who is signed in, also when their account has expired: they may renew it and sign out.
    pub(crate) fn owner(&self) -> Option<&UserId> {
        self.session.as_ref().map(|signed_in| &signed_in.session.user_id)
    }

    /// Whether the account of whoever is signed in has expired: all they are shown is how to renew
    /// it.
    pub(crate) fn is_expired(&self) -> bool {
        let expires_ms = self.session.as_ref().and_then(|signed_in| signed_in.account_expires_ms);
        expires_ms.is_some_and(|expires_ms| expires_ms <= self.identity.host.now_ms())
    }

    /// Whether whoever is signed in may look and not act (Client-Server API, "Account suspension").
    pub(crate) fn is_suspended(&self) -> bool {
        self.session.as_ref().is_some_and(|signed_in| signed_in.suspended)
    }

    /// Refuses what somebody who is suspended may not do. Errors: [`Trouble::Suspended`].
    pub(crate) fn check_not_suspended(&self) -> Result<(), Trouble> {
        if self.is_suspended() { Err(Trouble::Suspended) } else { Ok(()) }
    }

    /// Has the browser keep a choice of language.
    pub(crate) fn remember_language(&self, language: Language, headers: &mut HeaderMap) {
        let secure = if self.is_secure { "; Secure" } else { "" };
        if let Ok(cookie) = HeaderValue::from_str(&format!("{}{secure}", language.cookie())) {
            headers.append(header::SET_COOKIE, cookie);
        }
    }

    /// When whoever is signed in last proved who they are, in ms since the epoch; 0 where a
    /// provider did not say.
    pub(crate) fn proven_ms(&self) -> Option<i64> {
        self.session.as_ref().map(|signed_in| signed_in.session.proven_ms)
    }

    /// By which provider's word somebody is signed in, if that is how.
    pub(crate) async fn upstream(&self) -> Result<Option<UpstreamSession>, Trouble> {
        if self.session.is_none() {
            return Ok(None);
        }
        let now_ms = self.identity.host.now_ms();
        Ok(self.identity.store.upstream_session(self.key(), now_ms).await?)
    }

    /// Who is signed in, or the way to the sign-in page and back to `uri`; to the page of renewal
    /// for whose account has expired.
    pub(crate) fn require_user(&self, uri: &Uri) -> Result<UserId, Box<Response>> {
        if let Some(user_id) = self.user_id() {
            return Ok(user_id.clone());
        }
        if self.owner().is_some() {
            return Err(Box::new(self.redirect(RENEW)));
        }
        let here = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        let here = if here.len() <= CONTINUE_BYTES_MAX { here } else { "/" };
        let query = serde_urlencoded::to_string([("continue", here)]).unwrap_or_default();
        Err(Box::new(self.redirect(&format!("/_estafette/sign-in?{query}"))))
    }

    /// Signs somebody in, with a new cookie: one that was planted beforehand is worth nothing.
    pub(crate) async fn sign_in(&mut self, user_id: &UserId) -> Result<(), Trouble> {
        let now_ms = self.identity.host.now_ms();
        self.begin_session(user_id, None, now_ms).await
    }

    /// The same by another provider's word, to which the person proved themselves at `proven_ms`
    /// (0: it does not say when).
    pub(crate) async fn sign_in_by(
        &mut self,
        user_id: &UserId,
        word: UpstreamSession,
        proven_ms: i64,
    ) -> Result<(), Trouble> {
        self.begin_session(user_id, Some(word), proven_ms).await
    }

    /// That it is by a provider's word is kept first: no session begins that the provider could not
    /// end.
    async fn begin_session(
        &mut self,
        user_id: &UserId,
        word: Option<UpstreamSession>,
        proven_ms: i64,
    ) -> Result<(), Trouble> {
        let now_ms = self.identity.host.now_ms();
        self.identity.store.end_browser_session(self.key()).await?;
        self.renew_cookie();
        let event = if word.is_some() { "signed_in_by_provider" } else { "signed_in" };
        account_log::note(event, user_id, self);
        if let Some(word) = word {
            self.identity.store.put_upstream_session(self.key(), word).await?;
        }
        let session = BrowserSession {
            user_id: user_id.clone(),
            created_ms: now_ms,
            proven_ms: proven_ms.min(now_ms),
            seen_ms: now_ms,
            expires_ms: now_ms.saturating_add((BROWSER_SESSION_S * 1000).cast_signed()),
            name: self.kind.clone(),
        };
        self.identity.store.start_browser_session(self.key(), session).await?;
        self.remember(user_id).await?;
        self.session = self.identity.store.browser_session(self.key(), now_ms).await?;
        Ok(())
    }

    /// Keeps that whoever is signed in has just proven who they are.
    pub(crate) async fn prove(&mut self) -> Result<(), Trouble> {
        let (key, now_ms) = (self.key(), self.identity.host.now_ms());
        self.identity.store.note_browser_proof(key, now_ms).await?;
        self.session = self.identity.store.browser_session(key, now_ms).await?;
        Ok(())
    }

    async fn remember(&mut self, user_id: &UserId) -> Result<(), Trouble> {
        let known = self.identity.host.remember_browser(self.known.as_deref(), user_id).await?;
        self.known = Some(known);
        self.is_known_anew = true;
        Ok(())
    }

    /// Signs every other browser of its owner out; none of those is known as one of theirs any
    /// more.
    pub(crate) async fn end_others(&mut self, user_id: &UserId) -> Result<(), Trouble> {
        self.identity.store.end_browser_sessions(user_id, Some(self.key())).await?;
        self.remember(user_id).await
    }

    /// Signs out whoever is signed in.
    pub(crate) async fn sign_out(&mut self) -> Result<(), Trouble> {
        self.identity.store.end_browser_session(self.key()).await?;
        self.renew_cookie();
        self.session = None;
        Ok(())
    }

    fn renew_cookie(&mut self) {
        self.identity.host.fill_random(&mut self.cookie);
        self.is_new = true;
    }

    /// The name of this browser in the store.
    pub(crate) fn key(&self) -> TokenHash {
        TokenHash::of(&URL_SAFE_NO_PAD.encode(self.cookie))
    }

    /// What the browser is called where rate limits are counted.
    pub(crate) fn name(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.key().0)
    }

    /// How it stands to whoever is guessed at.
    pub(crate) async fn origin(&self, subject: &str) -> Result<Origin, Trouble> {
        let host = &self.identity.host;
        Ok(host.origin(subject, self.address, self.known.as_deref()).await?)
    }

    /// The same for whoever is signed in, who proves something about themselves again.
    pub(crate) fn session_origin(&self) -> Origin {
        Origin { source: self.address.to_string(), standing: Standing::Session(self.name()) }
    }

    /// A keyed hash that only this browser's cookie can make again. The parts are kept apart by
    /// their lengths.
    pub(crate) fn mac(&self, parts: &[&str]) -> [u8; 32] {
        // HMAC takes a key of any length; there is nothing to fail.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.cookie) else { return [0; 32] };
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part.as_bytes());
        }
        mac.finalize().into_bytes().into()
    }

    /// What a form of this browser has to carry. It looks different each time, so that what a
    /// compressed page weighs says nothing about it.
    pub(crate) fn form_token(&self) -> String {
        let mut token = [0; 2 * SECRET_BYTES];
        let (pad, masked) = token.split_at_mut(SECRET_BYTES);
        self.identity.host.fill_random(pad);
        for ((out, pad), byte) in masked.iter_mut().zip(pad.iter()).zip(self.mac(&["form"])) {
            *out = pad ^ byte;
        }
        URL_SAFE_NO_PAD.encode(token)
    }

    /// Whether a form came from a page that this browser was shown.
    pub(super) fn accepts_form_token(&self, token: &str) -> bool {
        let Ok(token) = URL_SAFE_NO_PAD.decode(token) else { return false };
        let Some((pad, masked)) = token.split_at_checked(SECRET_BYTES) else { return false };
        let given: Vec<u8> = pad.iter().zip(masked).map(|(pad, byte)| pad ^ byte).collect();
        masked.len() == SECRET_BYTES
            && !self.is_new
            && bool::from(given.as_slice().ct_eq(&self.mac(&["form"])))
    }

    /// A form that posts to `action`, with the token of this browser in it.
    pub(crate) fn form(&self, action: &str, body: &Markup) -> Markup {
        html! {
            form method="post" action=(action) novalidate {
                input type="hidden" name="form_token" value=(self.form_token());
                (body)
            }
        }
    }

    /// All words, in the language of the reader.
    pub(crate) fn words(&self) -> &'static Words {
        words::of(self.language)
    }

    /// A page as an answer.
    pub(crate) fn show(&self, page: &Page) -> Response {
        let mut response = layout::response(&self.identity, self.language, page);
        response.extensions_mut().insert(self.made_for());
        self.set_cookie(response.headers_mut());
        response
    }

    /// Where a path leads on this server: whoever wants to go nowhere in particular goes to the web
    /// client, or where there is none to their account.
    pub(crate) fn place<'a>(&self, path: &'a str) -> &'a str {
        match (path, self.identity.host.has_web_client()) {
            (NOWHERE_ELSE, false) => account_pages::PATH,
            (NOWHERE_ELSE, true) if self.user_id().is_some() => TO_THE_CLIENT,
            _ => path,
        }
    }

    /// 303 to a path of this server, or to a URL that the caller has checked.
    pub(crate) fn redirect(&self, to: &str) -> Response {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::SEE_OTHER;
        response.extensions_mut().insert(self.made_for());
        let to = self.place(to);
        let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
        let headers = response.headers_mut();
        headers.insert(header::LOCATION, to);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        self.set_cookie(headers);
        response
    }

    fn made_for(&self) -> MadeFor {
        MadeFor { cookie: self.key(), session: self.session.as_ref().map(SessionState::of) }
    }

    fn set_cookie(&self, headers: &mut HeaderMap) {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let mut set = |name: &str, value: &str, lasts: &str| {
            let cookie = format!("{name}={value}; Path=/{lasts}; HttpOnly; SameSite=Lax{secure}");
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
        };
        if self.is_new {
            set(session_cookie(self.is_secure), &URL_SAFE_NO_PAD.encode(self.cookie), "");
        }
        if self.is_known_anew
            && let Some(known) = &self.known
        {
            let lasts = format!("; Max-Age={KNOWN_BROWSER_S}");
            set(known_cookie(self.is_secure), known, &lasts);
        }
    }
}

/// The browser that an answer was made for, by what it is called from then on, and the session that
/// it had when the answer was made.
#[derive(Clone)]
pub(super) struct MadeFor {
    cookie: TokenHash,
    session: Option<SessionState>,
}

/// By what a session is told from what it was.
#[derive(Clone, PartialEq, Eq)]
struct SessionState {
    user_id: UserId,
    created_ms: i64,
    is_suspended: bool,
}

impl SessionState {
    fn of(signed_in: &SignedIn) -> Self {
        let BrowserSession { user_id, created_ms, .. } = &signed_in.session;
        let (user_id, created_ms) = (user_id.clone(), *created_ms);
        Self { user_id, created_ms, is_suspended: signed_in.suspended }
    }
}

impl MadeFor {
    /// Whether the browser's session is what it was: there, of the same person, and neither locked
    /// nor suspended meanwhile; or still none.
    pub(super) async fn still_holds(&self, identity: &Identity) -> Result<bool, Trouble> {
        let now_ms = identity.host.now_ms();
        let now = identity.store.browser_session(self.cookie, now_ms).await?;
        Ok(now.as_ref().map(SessionState::of) == self.session)
    }
}

/// What people call a browser and its system, of its `User-Agent`, of which no more is kept: it
/// tells whoever has many browsers which is which, and nobody apart. Empty where it is none of the
/// usual ones. What a browser says of others that it is like comes after its own name.
fn coarse_name(agent: &str) -> String {
    const NAMES: &[(&str, &str)] = &[
        ("Edg", "Edge"),
        ("OPR/", "Opera"),
        ("SamsungBrowser/", "Samsung Internet"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chromium/", "Chromium"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ];
    const SYSTEMS: &[(&str, &str)] = &[
        ("Android", "Android"),
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Windows", "Windows"),
        ("Macintosh", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ];
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(mark, _)| agent.contains(mark)).map_or("", |(_, name)| name)
    };
    let parts = [first(NAMES), first(SYSTEMS)];
    let known: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    known.join(", ")
}

/// Whether the browser speaks https, to us or to the proxy before us. A client that lies about it
/// changes nothing but its own cookie.
fn is_secure(identity: &Identity, headers: &HeaderMap) -> bool {
    match identity.host.public_base_url() {
        Some(url) => url.starts_with("https://"),
        None => {
            identity.host.serves_tls()
                || headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https")
        }
    }
}

/// The cookie that a request carries, under whichever name.
pub(super) fn presented_cookie(headers: &HeaderMap) -> Option<&str> {
    pairs(headers, header::COOKIE).find_map(|(name, value)| is_named(name).then_some(value))
}

/// The cookie that an answer sets.
pub(super) fn answered_cookie(headers: &HeaderMap) -> Option<&str> {
    pairs(headers, header::SET_COOKIE).find_map(|(name, value)| is_named(name).then_some(value))
}

fn is_named(name: &str) -> bool {
    [SECURE_COOKIE, PLAIN_COOKIE].contains(&name)
}

fn session_cookie(is_secure: bool) -> &'static str {
    if is_secure { SECURE_COOKIE } else { PLAIN_COOKIE }
}

fn known_cookie(is_secure: bool) -> &'static str {
    if is_secure { SECURE_KNOWN_COOKIE } else { PLAIN_KNOWN_COOKIE }
}

/// All `name=value` of a header.
fn pairs(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = (&str, &str)> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
}

/// The values of the cookies of that name.
fn values<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    let cookies = pairs(headers, header::COOKIE);
    cookies.filter(move |(found, _)| *found == name).map(|(_, value)| value)
}

/// The cookie that the request carries, where it is one of ours.
fn presented(headers: &HeaderMap, is_secure: bool) -> Option<[u8; SECRET_BYTES]> {
    values(headers, session_cookie(is_secure))
        .find_map(|value| URL_SAFE_NO_PAD.decode(value).ok()?.try_into().ok())
}

// SPDX-License-Identifier: Apache-2.0
//! User-interactive authentication (Client-Server API, "User-Interactive Authentication API").
//!
//! A session is bound to the user, the method, the path and the body of the request that it was
//! made for, and lets exactly one such request through.

mod leave;

use std::{collections::BTreeSet, fmt};

use estafette_core::{
    guesses::{Origin, Standing},
    ids::{DeviceId, UserId},
    limits::UIA_REMEMBERED_BYTES_MAX,
};
use estafette_store::{AccountStore as _, accounts::RegistrationToken};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub use self::leave::{Asked, Purpose, ask_leave, give_leave};
use super::tokens::new_token;
use crate::{ApiError, ApiResult, Server, client::login, rate_limit::Cost};

/// One thing to be proven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Nothing.
    Dummy,
    /// The requester's password. Whoever has none cannot complete it.
    Password,
    /// An invitation.
    RegistrationToken,
    /// Signing in anew on the pages of this server, and saying yes there ([`give_leave`]).
    Sso,
    /// The owner's leave on the account pages; proven elsewhere ([`challenge_oauth`]).
    Oauth,
    /// The same under the name of MSC4312.
    CrossSigningReset,
}

impl Stage {
    /// The stage of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let stages = [
            Self::Dummy,
            Self::Password,
            Self::RegistrationToken,
            Self::Sso,
            Self::Oauth,
            Self::CrossSigningReset,
        ];
        stages.into_iter().find(|stage| stage.name() == name)
    }

    /// Whether it is completed on the account pages, and nothing is typed for it.
    pub(crate) fn is_proven_elsewhere(self) -> bool {
        matches!(self, Self::Sso | Self::Oauth | Self::CrossSigningReset)
    }

    /// The name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dummy => "m.login.dummy",
            Self::Password => "m.login.password",
            Self::RegistrationToken => "m.login.registration_token",
            Self::Sso => "m.login.sso",
            Self::Oauth => "m.oauth",
            Self::CrossSigningReset => "org.matrix.cross_signing_reset",
        }
    }
}

/// What a client is told that asks again too soon.
const NOT_YET: &str = "This was not allowed yet.";

/// A request that needs authentication.
#[derive(Debug, Clone, Copy)]
pub struct UiaRequest<'a> {
    /// Who asks, where that is known before.
    pub user_id: Option<&'a UserId>,
    /// Where the request comes from, or in which session of `user_id`: for rate limits.
    pub who: &'a str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with the values of its parameters.
    pub path: &'a str,
    /// The whole body, with `auth`.
    pub body: &'a Map<String, Value>,
    /// From which device, where there is one.
    pub device_id: Option<&'a DeviceId>,
    /// What for, where a page can say that to its user.
    pub purpose: Option<&'a Purpose>,
}

impl UiaRequest<'_> {
    /// What a session is bound to.
    fn binding(&self) -> [u8; 32] {
        let mut body = self.body.clone();
        body.remove("auth");
        let bound = json!([self.user_id, self.method, self.path, body]);
        Sha256::digest(bound.to_string()).into()
    }
}

/// A session under way.
#[derive(Debug, Clone)]
pub struct UiaSession {
    binding: [u8; 32],
    user_id: Option<UserId>,
    device_id: Option<DeviceId>,
    purpose: Option<Purpose>,
    /// What may be completed.
    offered: BTreeSet<Stage>,
    completed: BTreeSet<Stage>,
    registration_token: Option<String>,
    remembered: Remembered,
}

impl UiaSession {
    fn new(request: &UiaRequest<'_>, flows: &[&[Stage]]) -> Self {
        Self {
            binding: request.binding(),
            user_id: request.user_id.cloned(),
            device_id: request.device_id.cloned(),
            purpose: request.purpose.cloned(),
            offered: flows.iter().flat_map(|flow| flow.iter()).copied().collect(),
            completed: BTreeSet::new(),
            registration_token: None,
            remembered: Remembered::default(),
        }
    }
}

/// What a registration was asked with. It holds a password and shows nothing of itself.
#[derive(Clone, Default)]
struct Remembered(Option<Map<String, Value>>);

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Remembered(..)")
    }
}

/// The account that was made by a session of registration, until the session would have ended: a
/// client whose answer was lost asks again.
#[derive(Debug, Clone)]
pub struct Registered {
    binding: [u8; 32],
    user_id: UserId,
}

impl Registered {
    /// Whose account it is.
    pub(crate) fn user_id(&self) -> &UserId {
        &self.user_id
    }
}

/// What was proven.
#[derive(Debug, Clone, Default)]
pub struct Proven {
    /// The stored invitation that was given, to be used up by the account it makes.
    pub registration_token: Option<String>,
}

#[derive(Default, Deserialize)]
struct AuthData {
    #[serde(rename = "type")]
    kind: Option<String>,
    session: Option<String>,
    password: Option<String>,
    token: Option<String>,
    user: Option<String>,
    identifier: Option<login::Identifier>,
}

/// A registration that goes on with `auth` alone means what it was begun with.
pub fn with_remembered(server: &Server, mut body: Map<String, Value>) -> Map<String, Value> {
    if body.len() == 1
        && let Some(id) = session_id(&body)
        && let Some(Some(remembered)) =
            server.auth.uia.with(id, server.now_ms(), |session| session.remembered.0.clone())
    {
        body.extend(remembered);
    }
    body
}

/// The account that the same request has already made in its session.
pub fn registered(server: &Server, request: &UiaRequest<'_>) -> Option<UserId> {
    let id = session_id(request.body)?;
    let made = server.auth.registered.with(id, server.now_ms(), |made| made.clone())?;
    (made.binding == request.binding()).then_some(made.user_id)
}

/// Remembers which account a registration has made.
pub fn remember_registered(
    server: &Server,
    request: &UiaRequest<'_>,
    user_id: UserId,
) -> ApiResult<()> {
    let Some(id) = session_id(request.body) else { return Ok(()) };
    let made = Registered { binding: request.binding(), user_id };
    server.auth.registered.put(id, made, server.now_ms())
}

fn session_id(body: &Map<String, Value>) -> Option<&str> {
    body.get("auth")?.get("session")?.as_str()
}

/// Lets the request pass once all stages of one of `flows` are completed; else the 401 that tells
/// the client what to do. Each [`Proven`] stands for one completed session, which is then gone.
pub async fn authenticate(
    server: &Server,
    request: UiaRequest<'_>,
    flows: &[&[Stage]],
) -> ApiResult<Proven> {
    let binding = request.binding();
    let Some(auth) = request.body.get("auth").filter(|auth| !auth.is_null()) else {
        return Err(new_session(server, &request, flows)?);
    };
    let auth = AuthData::deserialize(auth)
        .map_err(|error| ApiError::bad_json(format!("`auth` has the wrong shape: {error}.")))?;
    let named = auth.session.is_some();
    let (session_id, session) = match &auth.session {
        Some(id) => match find(server, id, &binding)? {
            Some(session) => (id.clone(), session),
            None => return Err(no_session(server, &request, flows)?),
        },
        None => (new_token(server, "esu"), UiaSession::new(&request, flows)),
    };
    let refused = match stage(&auth, flows) {
        None if auth.kind.is_some() => {
            Some("This kind of authentication is not accepted here.".to_owned())
        }
        // What there was to do was done on a page of ours, whatever the client calls it.
        stage
            if stage.is_none_or(|stage| session.completed.contains(&stage))
                && is_done(&session.completed, flows) =>
        {
            return pass(server, &request, (&session_id, session, named), flows);
        }
        None => None,
        Some(stage) if session.completed.contains(&stage) => None,
        Some(stage) => match prove(server, &request, &auth, stage).await? {
            Ok(proven) => {
                let session = advance(server, (&session_id, session), (stage, proven), flows)?;
                return pass(server, &request, (&session_id, session, named), flows);
            }
            Err(refused) => Some(refused),
        },
    };
    let challenge = challenge(&session_id, &session.completed, flows);
    keep(server, &session_id, session)?;
    Err(match refused {
        Some(refused) => with_error(challenge, &refused),
        None => challenge,
    })
}

/// The 401 that sends somebody to `url`, to give leave there (Client-Server API, "OAuth
/// authentication"). Whether it was given is for the caller to ask; the session only tells the
/// client that it is still the same request.
pub fn challenge_oauth(server: &Server, request: UiaRequest<'_>, url: &str) -> ApiResult<ApiError> {
    let flows: &[&[Stage]] = &[&[Stage::Oauth], &[Stage::CrossSigningReset]];
    let binding = request.binding();
    let named = request.body.get("auth").and_then(|auth| auth.get("session")?.as_str());
    let known = match named {
        Some(id) => {
            find(server, id, &binding)?.map(|session| challenge(id, &session.completed, flows))
        }
        None => None,
    };
    let error = match known {
        Some(known) => known,
        None => new_session(server, &request, flows)?,
    };
    let params =
        json!({ "m.oauth": { "url": url }, "org.matrix.cross_signing_reset": { "url": url } });
    let error = error.with("params", params);
    Ok(if named.is_some() { with_error(error, NOT_YET) } else { error })
}

/// The session of that id. 403 when it was made for another request.
fn find(server: &Server, id: &str, binding: &[u8; 32]) -> ApiResult<Option<UiaSession>> {
    let found = server.auth.uia.with(id, server.now_ms(), |session| session.clone());
    match found {
        Some(session) if session.binding != *binding => Err(ApiError::forbidden(
            "This authentication was begun for another request; begin it again.",
        )),
        found => Ok(found),
    }
}

fn keep(server: &Server, id: &str, session: UiaSession) -> ApiResult<()> {
    let now_ms = server.now_ms();
    // A session that is known keeps its age; what other requests completed meanwhile stays.
    let known = server.auth.uia.with(id, now_ms, |known| {
        known.completed.extend(&session.completed);
        known.registration_token =
            known.registration_token.take().or(session.registration_token.clone());
    });
    if known.is_none() {
        server.auth.uia.put(id, session, now_ms)?;
    }
    Ok(())
}

/// Adds a completed stage. The 401 where more is needed.
fn advance(
    server: &Server,
    (id, mut session): (&str, UiaSession),
    (stage, proven): (Stage, Proven),
    flows: &[&[Stage]],
) -> ApiResult<UiaSession> {
    session.completed.insert(stage);
    session.registration_token = session.registration_token.or(proven.registration_token);
    if is_done(&session.completed, flows) {
        return Ok(session);
    }
    let challenge = challenge(id, &session.completed, flows);
    keep(server, id, session)?;
    Err(challenge)
}

fn is_done(completed: &BTreeSet<Stage>, flows: &[&[Stage]]) -> bool {
    flows.iter().any(|flow| flow.iter().all(|stage| completed.contains(stage)))
}

/// Ends a completed session and lets its request pass. One that the client `named` may be gone by
/// now: then another request went through with it while this one was proven.
fn pass(
    server: &Server,
    request: &UiaRequest<'_>,
    (id, session, named): (&str, UiaSession, bool),
    flows: &[&[Stage]],
) -> ApiResult<Proven> {
    if server.auth.uia.take(id, server.now_ms()).is_none() && named {
        return Err(no_session(server, request, flows)?);
    }
    Ok(Proven { registration_token: session.registration_token })
}

/// The 401 for a session that is not there, with a new one.
fn no_session(
    server: &Server,
    request: &UiaRequest<'_>,
    flows: &[&[Stage]],
) -> ApiResult<ApiError> {
    let error = new_session(server, request, flows)?;
    Ok(with_error(error, "The session is unknown or too old."))
}

/// Completes a stage for the client that began a session: `given` is a password or an invitation.
pub(crate) async fn complete(
    server: &Server,
    who: &str,
    (session_id, stage): (&str, Stage),
    given: Option<String>,
) -> ApiResult<()> {
    let session = on_page(server, session_id, stage)?;
    if stage.is_proven_elsewhere() {
        let given = leave::is_given(server, &session, stage).await?;
        return if given { Ok(()) } else { Err(ApiError::forbidden(NOT_YET)) };
    }
    let user_id = session.user_id;
    let auth = AuthData { token: given.clone(), password: given, ..AuthData::default() };
    let body = Map::new();
    let user_id = user_id.as_ref();
    // Whoever has the session's id has it from a device of the account.
    let who = if stage == Stage::Password { "page of a stage" } else { who };
    let request = UiaRequest {
        user_id,
        who,
        method: "POST",
        path: "",
        body: &body,
        device_id: None,
        purpose: None,
    };
    let proven = prove(server, &request, &auth, stage).await?.map_err(ApiError::forbidden)?;
    let completed = server.auth.uia.with(session_id, server.now_ms(), |session| {
        session.completed.insert(stage);
        session.registration_token =
            session.registration_token.take().or(proven.registration_token);
    });
    completed.ok_or_else(ended)
}

/// The session of that id, for the page of a stage of it. 404 when it is not under way, or does not
/// offer that stage.
pub(crate) fn on_page(server: &Server, session_id: &str, stage: Stage) -> ApiResult<UiaSession> {
    let found = server.auth.uia.with(session_id, server.now_ms(), |session| session.clone());
    found.filter(|session| session.offered.contains(&stage)).ok_or_else(ended)
}

fn ended() -> ApiError {
    ApiError::not_found("This authentication is not known, or has ended.")
}

fn stage(auth: &AuthData, flows: &[&[Stage]]) -> Option<Stage> {
    let kind = auth.kind.as_deref()?;
    flows.iter().flat_map(|flow| flow.iter()).copied().find(|stage| stage.name() == kind)
}

async fn prove(
    server: &Server,
    request: &UiaRequest<'_>,
    auth: &AuthData,
    stage: Stage,
) -> ApiResult<Result<Proven, String>> {
    match stage {
        Stage::Dummy => Ok(Ok(Proven::default())),
        Stage::Sso | Stage::Oauth | Stage::CrossSigningReset => {
            Ok(Err("This is proven on the account pages alone.".to_owned()))
        }
        Stage::Password => {
            let right = match request.user_id {
                Some(user_id) => prove_password(server, user_id, request.who, auth).await?,
                None => false,
            };
            let refused = "The password is not right.".to_owned();
            Ok(if right { Ok(Proven::default()) } else { Err(refused) })
        }
        Stage::RegistrationToken => {
            server.rate_limiter.check(Cost::Login, request.who, server.now_ms())?;
            let given = auth.token.as_deref().unwrap_or_default();
            let refused = "The registration token is not valid.".to_owned();
            Ok(check_registration_token(server, given).await?.ok_or(refused))
        }
    }
}

async fn prove_password(
    server: &Server,
    user_id: &UserId,
    session: &str,
    auth: &AuthData,
) -> ApiResult<bool> {
    let named = match (&auth.identifier, &auth.user) {
        (Some(identifier), _) => login::named(server, identifier).await?,
        (None, Some(user)) => login::named_by_id(server, user),
        (None, None) => login::Named::User(user_id.clone()),
    };
    if named != login::Named::User(user_id.clone()) {
        return Err(ApiError::forbidden("This may be confirmed by the account's own user alone."));
    }
    // They count together with those of signing in.
    let standing = Standing::Session(session.to_owned());
    let from = Origin { source: format!("session {session}"), standing };
    let guess = server.guesses.begin(user_id.as_str(), &from, server.now_ms())?;
    let account = server.store.account(user_id).await?;
    let kept = account.as_ref().filter(|account| !account.deactivated && !account.locked);
    let kept = kept.and_then(|account| account.password_hash.as_ref());
    let password = auth.password.as_deref().unwrap_or_default();
    server.weigh(guess, password, kept).await
}

/// Whether an account may be made with this invitation: `None` when not.
pub(crate) async fn check_registration_token(
    server: &Server,
    given: &str,
) -> ApiResult<Option<Proven>> {
    let configured = &server.config.registration.token;
    let digest = |text: &str| -> [u8; 32] { Sha256::digest(text).into() };
    if !configured.is_empty() && bool::from(digest(given).ct_eq(&digest(configured))) {
        return Ok(Some(Proven::default()));
    }
    let stored = server.store.registration_token(given).await?;
    let now_ms = server.now_ms();
    let valid = stored.filter(|token: &RegistrationToken| token.is_valid(now_ms));
    Ok(valid.map(|token| Proven { registration_token: Some(token.token) }))
}

fn new_session(
    server: &Server,
    request: &UiaRequest<'_>,
    flows: &[&[Stage]],
) -> ApiResult<ApiError> {
    let id = new_token(server, "esu");
    let mut session = UiaSession::new(request, flows);
    // Whoever registers is nobody yet.
    if request.user_id.is_none() {
        let mut body = request.body.clone();
        body.remove("auth");
        let small = Value::Object(body.clone()).to_string().len() <= UIA_REMEMBERED_BYTES_MAX;
        session.remembered = Remembered(small.then_some(body));
    }
    let challenge = challenge(&id, &session.completed, flows);
    server.auth.uia.put(&id, session, server.now_ms())?;
    Ok(challenge)
}

fn challenge(id: &str, completed: &BTreeSet<Stage>, flows: &[&[Stage]]) -> ApiError {
    let names = |stages: &[Stage]| stages.iter().map(|stage| stage.name()).collect::<Vec<_>>();
    let flows: Vec<Value> = flows.iter().map(|flow| json!({ "stages": names(flow) })).collect();
    let completed: Vec<_> = completed.iter().map(|stage| stage.name()).collect();
    ApiError::new(StatusCode::UNAUTHORIZED, "", "")
        .with("session", id)
        .with("flows", flows)
        .with("params", json!({}))
        .with("completed", completed)
}

/// The same challenge with the reason why the last try was not accepted.
fn with_error(challenge: ApiError, message: &str) -> ApiError {
    challenge.with("errcode", "M_FORBIDDEN").with("error", message)
}

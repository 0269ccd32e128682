// SPDX-License-Identifier: Apache-2.0
//! User-interactive authentication (Client-Server API, "User-Interactive Authentication API").
//!
//! A session is bound to the user, the method, the path and the body of the request that it was
//! made for, and lets exactly one such request through.

use std::collections::BTreeSet;

use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, accounts::RegistrationToken};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

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
    /// The owner's leave on the account pages; proven elsewhere ([`challenge_oauth`]).
    Oauth,
    /// The same under the name of MSC4312.
    CrossSigningReset,
}

impl Stage {
    /// The name in the specification.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dummy => "m.login.dummy",
            Self::Password => "m.login.password",
            Self::RegistrationToken => "m.login.registration_token",
            Self::Oauth => "m.oauth",
            Self::CrossSigningReset => "org.matrix.cross_signing_reset",
        }
    }
}

/// A request that needs authentication.
#[derive(Debug, Clone, Copy)]
pub struct UiaRequest<'a> {
    /// Who asks, where that is known before.
    pub user_id: Option<&'a UserId>,
    /// Where the request comes from or who asks: for rate limits.
    pub who: &'a str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path, with the values of its parameters.
    pub path: &'a str,
    /// The whole body, with `auth`.
    pub body: &'a Map<String, Value>,
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
    completed: BTreeSet<Stage>,
    registration_token: Option<String>,
}

/// What was proven.
#[derive(Debug, Clone, Default)]
pub struct Proven {
    /// The stored invitation that was given, to be used up by the account it makes.
    pub registration_token: Option<String>,
}

#[derive(Deserialize)]
struct AuthData {
    #[serde(rename = "type")]
    kind: Option<String>,
    session: Option<String>,
    password: Option<String>,
    token: Option<String>,
    user: Option<String>,
    identifier: Option<login::Identifier>,
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
        return Err(new_session(server, binding, flows)?);
    };
    let auth = AuthData::deserialize(auth)
        .map_err(|error| ApiError::bad_json(format!("`auth` has the wrong shape: {error}.")))?;
    let (session_id, session) = match &auth.session {
        Some(id) => match find(server, id, &binding)? {
            Some(session) => (id.clone(), session),
            None => {
                let error = new_session(server, binding, flows)?;
                return Err(with_error(error, "The session is unknown or too old."));
            }
        },
        None => {
            let session =
                UiaSession { binding, completed: BTreeSet::new(), registration_token: None };
            (new_token(server, "esu"), session)
        }
    };
    let refused = match stage(&auth, flows) {
        None if auth.kind.is_none() => None,
        None => Some("This kind of authentication is not accepted here.".to_owned()),
        Some(stage) if session.completed.contains(&stage) => None,
        Some(stage) => match prove(server, &request, &auth, stage).await? {
            Ok(proven) => return advance(server, &session_id, session, stage, proven, flows),
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
        None => new_session(server, binding, flows)?,
    };
    let params =
        json!({ "m.oauth": { "url": url }, "org.matrix.cross_signing_reset": { "url": url } });
    let error = error.with("params", params);
    Ok(if named.is_some() { with_error(error, "This was not allowed yet.") } else { error })
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

/// Adds a completed stage: either the request may pass, and the session is gone, or more is needed.
fn advance(
    server: &Server,
    id: &str,
    mut session: UiaSession,
    stage: Stage,
    proven: Proven,
    flows: &[&[Stage]],
) -> ApiResult<Proven> {
    session.completed.insert(stage);
    session.registration_token = session.registration_token.or(proven.registration_token);
    let done = flows.iter().any(|flow| flow.iter().all(|stage| session.completed.contains(stage)));
    if done {
        server.auth.uia.take(id, server.now_ms());
        return Ok(Proven { registration_token: session.registration_token });
    }
    let challenge = challenge(id, &session.completed, flows);
    keep(server, id, session)?;
    Err(challenge)
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
        Stage::Oauth | Stage::CrossSigningReset => {
            Ok(Err("This is proven on the account pages alone.".to_owned()))
        }
        Stage::Password => {
            let right = match request.user_id {
                Some(user_id) => prove_password(server, user_id, auth).await?,
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

async fn prove_password(server: &Server, user_id: &UserId, auth: &AuthData) -> ApiResult<bool> {
    let named = match (&auth.identifier, &auth.user) {
        (Some(identifier), _) => login::named_user(server, identifier),
        (None, Some(user)) => login::local_user(server, user),
        (None, None) => Some(user_id.clone()),
    };
    server.rate_limiter.check(Cost::Login, user_id.as_str(), server.now_ms())?;
    let account = server.store.account(user_id).await?;
    let kept = account.as_ref().filter(|account| !account.deactivated && !account.locked);
    let kept = kept.and_then(|account| account.password_hash.as_ref());
    let password = auth.password.as_deref().unwrap_or_default();
    let right = server.auth.passwords.matches(password, kept).await?;
    Ok(right && named.as_ref() == Some(user_id))
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

fn new_session(server: &Server, binding: [u8; 32], flows: &[&[Stage]]) -> ApiResult<ApiError> {
    let id = new_token(server, "esu");
    let session = UiaSession { binding, completed: BTreeSet::new(), registration_token: None };
    let challenge = challenge(&id, &session.completed, flows);
    server.auth.uia.put(&id, session, server.now_ms())?;
    Ok(challenge)
}

fn challenge(id: &str, completed: &BTreeSet<Stage>, flows: &[&[Stage]]) -> ApiError {
    let names = |stages: &[Stage]| stages.iter().map(|stage| stage.name()).collect::<Vec<_>>();
    let flows: Vec<Value> = flows.iter().map(|flow| json!({ "stages": names(flow) })).collect();
    let mut error = ApiError::new(StatusCode::UNAUTHORIZED, "", "")
        .with("session", id)
        .with("flows", flows)
        .with("params", json!({}));
    if !completed.is_empty() {
        let completed: Vec<_> = completed.iter().map(|stage| stage.name()).collect();
        error = error.with("completed", completed);
    }
    error
}

/// The same challenge with the reason why the last try was not accepted.
fn with_error(challenge: ApiError, message: &str) -> ApiError {
    challenge.with("errcode", "M_FORBIDDEN").with("error", message)
}

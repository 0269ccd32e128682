// SPDX-License-Identifier: Apache-2.0
//! What identity needs of the server that runs it.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;
use axum::response::Response;
use bytes::Bytes;
use estafette_core::{
    guesses::{Guess, Origin},
    ids::{DeviceId, ServerName, UserId},
};
use estafette_store::{
    accounts::PasswordHash,
    people::{AdminAct, AdminOutcome, AuditEntry, Placed, Placement},
};
use http::{HeaderMap, Method, StatusCode};
use zeroize::Zeroizing;

/// The running server, as far as identity may use it.
#[async_trait]
pub trait Host: Send + Sync {
    /// The name in the ids of this server's users.
    fn server_name(&self) -> &ServerName;

    /// The URL by which clients reach this server, without a slash at its end. `None` where the
    /// operator gave none: then it is the one of the request at hand.
    fn public_base_url(&self) -> Option<String>;

    /// Whether this server itself speaks TLS to browsers.
    fn serves_tls(&self) -> bool;

    /// The key of mail at rest. It is kept beside the database, not in it.
    fn mail_key(&self) -> &[u8; 32];

    /// A page that helps the users of this server, as the operator gave it.
    fn support_page(&self) -> Option<String>;

    /// Whether there is a client for people at `/`.
    fn has_web_client(&self) -> bool;

    /// Says what operators must not miss: in the log and on the standard error stream.
    fn alert(&self, sentence: &str);

    /// Milliseconds since the Unix epoch.
    fn now_ms(&self) -> i64;

    /// Fills `bytes` with unpredictable bytes: the only source of chance.
    fn fill_random(&self, bytes: &mut [u8]);

    /// Where a request comes from, for rate limits, as far as it can be believed (the operator's
    /// `listener.behind_proxy` is respected): an IPv4 address, or the first 64 bits of an IPv6 one.
    fn remote_address(&self, parts: &http::request::Parts) -> IpAddr;

    /// Whom the access token of a request lets in. `None` where it carries none. Errors: the answer
    /// of the Client-Server API to a token that lets nobody in.
    async fn requester(
        &self,
        parts: &http::request::Parts,
    ) -> Result<Option<UserId>, Box<Response>>;

    /// How somebody at `network` stands to `subject` (an account, or under what nobody is counted),
    /// who shows `known`: the value of the cookie that [`remember_browser`](Self::remember_browser)
    /// gave. Errors: [`HostError::Internal`].
    async fn origin(
        &self,
        subject: &str,
        network: IpAddr,
        known: Option<&str>,
    ) -> Result<Origin, HostError>;

    /// The value of the cookie by which the browser that shows `known` is known from now on as
    /// `user_id`'s, until all of theirs are signed out, and still as those whom it was known for.
    /// Errors: [`HostError::Internal`].
    async fn remember_browser(
        &self,
        known: Option<&str>,
        user_id: &UserId,
    ) -> Result<String, HostError>;

    /// Leave to try one password of `subject`: see [`estafette_core::guesses`]. Errors:
    /// [`HostError::Limited`].
    fn begin_guess(&self, subject: &str, from: &Origin) -> Result<Guess, HostError>;

    /// Leave to have one code sent to `address`, likewise, and of those that `network` may have
    /// sent to whomever. Errors: [`HostError::Limited`].
    fn begin_code(&self, address: &str, network: IpAddr, from: &Origin) -> Result<(), HostError>;

    /// Leave to try one code at `network`, by somebody who stands so to whose code it is, and
    /// whether it counts there; a first try of a code seldom does. Errors: [`HostError::Limited`],
    /// where many were wrong lately.
    fn begin_code_try(
        &self,
        network: IpAddr,
        from: &Origin,
        is_first: bool,
    ) -> Result<bool, HostError>;

    /// Whoever asked for a code to `address` has typed it at `network`: what asking took is given
    /// back, and what [`begin_code_try`](Self::begin_code_try) took, where that was `counted`.
    fn code_was_right(&self, address: &str, network: IpAddr, from: &Origin, counted: bool);

    /// Leave for somebody at `network`, who stands so to whom they say they are, to have a password
    /// weighed at all; known browsers need none. Errors: [`HostError::Limited`], where very many
    /// were weighed for that network lately.
    fn begin_sign_in(&self, network: IpAddr, from: &Origin) -> Result<(), HostError>;

    /// The password was right: what that took is given back.
    fn sign_in_was_right(&self, network: IpAddr, from: &Origin);

    /// Takes one token of `who`'s bucket for proving something that is no password. Errors:
    /// [`HostError::Limited`].
    fn limit_proof(&self, who: &str) -> Result<(), HostError>;

    /// Takes one token of a source address's bucket, which is much wider: whole organisations may
    /// share an address. Errors: [`HostError::Limited`].
    fn limit_source(&self, who: &str) -> Result<(), HostError>;

    /// The hash to keep of a new password. Errors: [`HostError::Overloaded`].
    async fn hash_password(&self, password: &Zeroizing<String>) -> Result<PasswordHash, HostError>;

    /// Whether `password` is the one of `kept`. Takes as long, and is `false`, where there is none.
    /// A guess that is right gives its place back.
    async fn password_matches(
        &self,
        guess: Guess,
        password: &Zeroizing<String>,
        kept: Option<&PasswordHash>,
    ) -> Result<bool, HostError>;

    /// Refuses a password that is too short, too long or too easily guessed, with a sentence that
    /// says why. Errors: [`HostError::WeakPassword`].
    fn check_new_password(&self, password: &str) -> Result<(), HostError>;

    /// Forgets what was given out on the strength of somebody's old proofs (login tokens, OpenID
    /// tokens), after a change of password or the end of sessions.
    fn forget_proofs(&self, user_id: &UserId);

    /// A login token by which a client of the legacy API logs in as `user_id`, once and soon.
    /// Errors: [`HostError::Overloaded`].
    fn login_token(&self, user_id: &UserId) -> Result<String, HostError>;

    /// What a client asks `user_id`'s leave for, in the session of user-interactive authentication
    /// of that id (Client-Server API, "SSO during User-Interactive Authentication"). `None`: it is
    /// not under way, is somebody else's, or asks for nothing that is given on our pages.
    fn asked_leave(&self, session: &str, user_id: &UserId) -> Option<AskedLeave>;

    /// Gives it, for that one request. `false`: as `None` of [`asked_leave`](Self::asked_leave).
    fn give_leave(&self, session: &str, user_id: &UserId) -> bool;

    /// Ends an account and has its rooms left. `false` when there is none.
    async fn deactivate(&self, user_id: &UserId, erase: bool) -> Result<bool, HostError>;

    /// Does what an administrator does, all of it or nothing, with its lines in the audit log and
    /// what follows from it in the running server. `subject` is the account, where there is one.
    async fn administer(
        &self,
        entry: AuditEntry,
        subject: Option<&UserId>,
        acts: Vec<AdminAct>,
    ) -> Result<AdminOutcome, HostError>;

    /// Moves people to where they belong, each with a line in the audit log, and carries new names
    /// into their rooms. Errors: [`HostError::Overloaded`] when too much waits to be told to rooms;
    /// nothing was done then.
    async fn place(
        &self,
        entry: AuditEntry,
        placements: Vec<(UserId, Placement)>,
    ) -> Result<Vec<Placed>, HostError>;

    /// Carries a profile that the store has into the rooms of its owner.
    fn profile_changed(&self, user_id: &UserId);

    /// Asks another server, through the one guarded client.
    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, HostError>;
}

/// What a client asks leave for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedLeave {
    /// From which device.
    pub device_id: Option<DeviceId>,
    /// What for.
    pub purpose: LeavePurpose,
    /// Whether the leave was given.
    pub given: bool,
}

/// What a client does with the leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeavePurpose {
    /// It replaces the cross-signing keys.
    ReplaceKeys,
    /// It signs devices out.
    EndDevices {
        /// The first of them.
        named: Vec<DeviceId>,
        /// How many there are.
        count: usize,
    },
    /// It sets a password.
    SetPassword,
    /// It signs in another device.
    SignInDevice,
    /// It ends the account.
    Deactivate {
        /// Whether the profile is erased, and messages hidden from those who come later.
        erase: bool,
    },
}

/// One request to somebody else.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// The method.
    pub method: Method,
    /// The whole URL, `http` or `https`.
    pub url: String,
    /// Headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How long everything may take.
    pub timeout: Duration,
    /// How many bytes of answer are read before giving up.
    pub answer_bytes_max: usize,
    /// Whether the operator's own configuration names the place. Only then may it be on a private
    /// network.
    pub named_by_operator: bool,
}

/// The answer of somebody else, whatever its status.
#[derive(Debug, Clone)]
pub struct FetchResponse {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

/// Why the server did not do what identity asked of it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HostError {
    /// Asked too often.
    #[error("too many tries: wait {retry_after_ms} ms")]
    Limited {
        /// How long to wait.
        retry_after_ms: u64,
    },
    /// Too much is going on at once.
    #[error("the server is busy")]
    Overloaded,
    /// The password cannot be used; the sentence says why.
    #[error("{0}")]
    WeakPassword(String),
    /// The other server does not answer, or may not be asked.
    #[error("the other server does not answer: {0}")]
    Unreachable(String),
    /// Something of ours is broken.
    #[error("{0}")]
    Internal(String),
}

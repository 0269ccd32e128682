// SPDX-License-Identifier: Apache-2.0
//! The running homeserver as identity sees it.

use std::{net::IpAddr, sync::Weak};

use async_trait::async_trait;
use axum::{
    extract::FromRequestParts as _,
    response::{IntoResponse as _, Response},
};
use estafette_core::{
    email_address::EmailAddress,
    guesses::{Guess, Origin},
    ids::{ServerName, UserId},
};
use estafette_homeserver::{
    ApiError, Shared,
    account_changes::AccountChange,
    address_book::{AddressBook, Standing},
    administration,
    auth::{self, OptionalRequester, password, uia},
    http::RemoteAddress,
    outbound::OutboundRequest,
    rate_limit::Cost,
};
use estafette_identity::{
    Host, HostError, Identity,
    host::{AskedLeave, FetchRequest, FetchResponse, LeavePurpose},
};
use estafette_store::{
    accounts::PasswordHash,
    identity::NewMail,
    people::{AdminAct, AdminOutcome, AuditEntry, Placed, Placement},
};
use http::{StatusCode, request::Parts};
use zeroize::Zeroizing;

/// What identity is lent: the server, and the key of mail at rest.
pub(crate) struct HomeserverHost(pub(crate) Shared, pub(crate) Zeroizing<[u8; 32]>);

#[async_trait]
impl Host for HomeserverHost {
    fn server_name(&self) -> &ServerName {
        &self.0.server_name
    }

    fn public_base_url(&self) -> Option<String> {
        let url = self.0.config.public_base_url.trim_end_matches('/');
        (!url.is_empty()).then(|| url.to_owned())
    }

    fn serves_tls(&self) -> bool {
        !self.0.config.listener.tls_certificate.as_os_str().is_empty()
    }

    fn mail_key(&self) -> &[u8; 32] {
        &self.1
    }

    fn has_web_client(&self) -> bool {
        self.0.web.is_present()
    }

    fn alert(&self, sentence: &str) {
        tracing::error!("{sentence}");
        eprintln!("estafette: {sentence}");
    }

    fn support_page(&self) -> Option<String> {
        let url = &self.0.config.well_known.support_page;
        (!url.is_empty()).then(|| url.clone())
    }

    fn now_ms(&self) -> i64 {
        self.0.now_ms()
    }

    fn fill_random(&self, bytes: &mut [u8]) {
        self.0.random.fill(bytes);
    }

    fn remote_address(&self, parts: &Parts) -> IpAddr {
        RemoteAddress::of(parts, self.0.config.listener.behind_proxy).network()
    }

    async fn requester(&self, parts: &Parts) -> Result<Option<UserId>, Box<Response>> {
        let asked = OptionalRequester::from_request_parts(&mut parts.clone(), &self.0).await;
        match asked {
            Ok(OptionalRequester(requester)) => Ok(requester.map(|requester| requester.user_id)),
            Err(error) => Err(Box::new(error.into_response())),
        }
    }

    async fn origin(
        &self,
        subject: &str,
        network: IpAddr,
        known: Option<&str>,
    ) -> Result<Origin, HostError> {
        self.0.origin(subject, network, known).await.map_err(|error| told(&error))
    }

    async fn remember_browser(
        &self,
        known: Option<&str>,
        user_id: &UserId,
    ) -> Result<String, HostError> {
        self.0.remember_browser(known, user_id).await.map_err(|error| told(&error))
    }

    fn begin_guess(&self, subject: &str, from: &Origin) -> Result<Guess, HostError> {
        self.0.guesses.begin(subject, from, self.0.now_ms()).map_err(|error| told(&error))
    }

    fn begin_code(&self, address: &str, network: IpAddr, from: &Origin) -> Result<(), HostError> {
        self.0.begin_code(address, network, from).map_err(|error| told(&error))
    }

    fn begin_code_try(
        &self,
        network: IpAddr,
        from: &Origin,
        is_first: bool,
    ) -> Result<bool, HostError> {
        self.0.begin_code_try(network, from, is_first).map_err(|error| told(&error))
    }

    fn code_was_right(&self, address: &str, network: IpAddr, from: &Origin, counted: bool) {
        self.0.code_was_right(address, network, from, counted);
    }

    fn begin_sign_in(&self, network: IpAddr, from: &Origin) -> Result<(), HostError> {
        self.0.begin_sign_in(network, from).map_err(|error| told(&error))
    }

    fn sign_in_was_right(&self, network: IpAddr, from: &Origin) {
        self.0.sign_in_was_right(network, from);
    }

    fn limit_proof(&self, who: &str) -> Result<(), HostError> {
        self.0.rate_limiter.check(Cost::Login, who, self.0.now_ms()).map_err(|error| told(&error))
    }

    fn limit_source(&self, who: &str) -> Result<(), HostError> {
        self.0.rate_limiter.check(Cost::Source, who, self.0.now_ms()).map_err(|error| told(&error))
    }

    async fn hash_password(&self, password: &Zeroizing<String>) -> Result<PasswordHash, HostError> {
        let hash = self.0.auth.passwords.hash(&*self.0.random, password).await;
        hash.map_err(|error| told(&error))
    }

    async fn password_matches(
        &self,
        guess: Guess,
        password: &Zeroizing<String>,
        kept: Option<&PasswordHash>,
    ) -> Result<bool, HostError> {
        let matches = self.0.weigh(guess, password, kept).await;
        matches.map_err(|error| told(&error))
    }

    fn check_new_password(&self, password: &str) -> Result<(), HostError> {
        password::check_new(password, self.0.config.login.password_length_min)
            .map_err(|error| HostError::WeakPassword(error.message().to_owned()))
    }

    fn forget_proofs(&self, user_id: &UserId) {
        auth::forget_proofs(&self.0, user_id);
    }

    fn login_token(&self, user_id: &UserId) -> Result<String, HostError> {
        auth::give_sso_token(&self.0, user_id).map_err(|error| told(&error))
    }

    fn asked_leave(&self, session: &str, user_id: &UserId) -> Option<AskedLeave> {
        let asked = uia::ask_leave(&self.0, session, user_id)?;
        let purpose = match asked.purpose {
            uia::Purpose::ReplaceKeys => LeavePurpose::ReplaceKeys,
            uia::Purpose::EndDevices { named, count } => LeavePurpose::EndDevices { named, count },
            uia::Purpose::SetPassword => LeavePurpose::SetPassword,
            uia::Purpose::SignInDevice => LeavePurpose::SignInDevice,
            uia::Purpose::Deactivate { erase } => LeavePurpose::Deactivate { erase },
        };
        Some(AskedLeave { device_id: asked.device_id, purpose, given: asked.given })
    }

    fn give_leave(&self, session: &str, user_id: &UserId) -> bool {
        uia::give_leave(&self.0, session, user_id)
    }

    async fn deactivate(&self, user_id: &UserId, erase: bool) -> Result<bool, HostError> {
        auth::deactivate(&self.0, user_id, erase).await.map_err(|error| told(&error))
    }

    async fn administer(
        &self,
        entry: AuditEntry,
        subject: Option<&UserId>,
        acts: Vec<AdminAct>,
    ) -> Result<AdminOutcome, HostError> {
        let done = administration::administer(&self.0, entry, subject, acts).await;
        done.map_err(|error| told(&error))
    }

    async fn place(
        &self,
        entry: AuditEntry,
        placements: Vec<(UserId, Placement)>,
    ) -> Result<Vec<Placed>, HostError> {
        administration::place(&self.0, entry, placements).await.map_err(|error| told(&error))
    }

    fn profile_changed(&self, user_id: &UserId) {
        self.0.account_changes.push(user_id.clone(), AccountChange::Profile);
    }

    async fn fetch(&self, request: FetchRequest) -> Result<FetchResponse, HostError> {
        let request = OutboundRequest {
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            timeout: request.timeout,
            answer_bytes_max: request.answer_bytes_max,
            redirects_max: 0,
            named_by_operator: request.named_by_operator,
        };
        match self.0.outbound.send(request).await {
            Ok(answer) => Ok(FetchResponse {
                status: answer.status,
                headers: answer.headers,
                body: answer.body,
            }),
            Err(error) => Err(HostError::Unreachable(error.to_string())),
        }
    }
}

/// Identity as the homeserver sees it. Weak: identity holds the server.
pub(crate) struct IdentityAddressBook(pub(crate) Weak<Identity>);

impl AddressBook for IdentityAddressBook {
    fn standing(&self, address: &EmailAddress) -> Standing {
        let Some(identity) = self.0.upgrade() else { return Standing::Nobody };
        match identity.policy.organisation_of(address) {
            None => Standing::Nobody,
            Some(found) if found.homeserver != *identity.host.server_name() => Standing::Elsewhere,
            Some(found) if found.guests => Standing::Guest,
            Some(_) => Standing::Member,
        }
    }

    fn invites(&self) -> bool {
        self.0.upgrade().is_some_and(|identity| identity.invites())
    }

    fn invitation(
        &self,
        address: &EmailAddress,
        inviter: Option<&EmailAddress>,
        expires_ms: i64,
    ) -> Option<NewMail> {
        let identity = self.0.upgrade()?;
        Some(identity.room_invitation(address, inviter, expires_ms))
    }

    fn mail_queued(&self) {
        if let Some(identity) = self.0.upgrade() {
            identity.mail_was_queued();
        }
    }
}

/// What the shell's answer means to identity.
fn told(error: &ApiError) -> HostError {
    match error.status() {
        StatusCode::TOO_MANY_REQUESTS => {
            let body = error.body();
            let wait = body.get("retry_after_ms").and_then(serde_json::Value::as_u64);
            HostError::Limited { retry_after_ms: wait.unwrap_or(1000) }
        }
        StatusCode::SERVICE_UNAVAILABLE => HostError::Overloaded,
        _ => HostError::Internal(error.message().to_owned()),
    }
}

#[cfg(test)]
mod tests;

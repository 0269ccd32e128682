// SPDX-License-Identifier: Apache-2.0
//! Asking for the mail that renews an account, as Synapse's account validity and its module
//! `synapse-email-account-validity` have it. Not in the specification: clients of such servers show
//! a button for it when they meet `ORG_MATRIX_EXPIRED_ACCOUNT`.

use axum::{Router, extract::State, response::Response, routing::post};

use super::v3;
use crate::{
    ApiError, ApiResult, Shared, auth::MaybeLocked, http::empty_object, people::RenewalMail,
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/account_validity/send_mail", post(send_mail));
    router
        .route("/_matrix/client/unstable/account_validity/send_mail", post(send_mail))
        .route("/_synapse/client/email_account_validity/send_mail", post(send_mail))
}

/// `POST …/send_mail`, without a body: also for whose account has expired. Counts together with the
/// button of the pages.
async fn send_mail(
    State(server): State<Shared>,
    MaybeLocked(requester): MaybeLocked,
) -> ApiResult<Response> {
    requester.check_not_locked()?;
    let user_id = &requester.user_id;
    let now_ms = server.now_ms();
    server.rate_limiter.check(Cost::Login, &format!("renewal of {user_id}"), now_ms)?;
    let people = server.people.get().ok_or_else(ApiError::unrecognized)?;
    match people.mail_renewal(user_id).await? {
        RenewalMail::Queued => Ok(empty_object()),
        RenewalMail::NothingToRenew => Err(ApiError::forbidden(
            "This account has no end that a mail could move, or no address to write to.",
        )),
        RenewalMail::NoMail => Err(ApiError::forbidden(
            "Accounts are not renewed by mail here; an administrator of this server does it.",
        )),
    }
}

#[cfg(test)]
mod tests;

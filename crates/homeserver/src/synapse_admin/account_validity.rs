// SPDX-License-Identifier: Apache-2.0
//! Saying until when an account works.
//!
//! <https://element-hq.github.io/synapse/latest/admin_api/account_validity.html>, and the same
//! request of the module `synapse-email-account-validity`.

use axum::{Router, extract::State, routing::post};
use estafette_core::limits::INTEGER_MAX;
use estafette_store::{PeopleStore as _, people::AdminAct};
use serde::Deserialize;
use serde_json::{Value, json};

use super::users::{known, local};
use crate::{
    ApiError, ApiResult, Shared, administration::administer_as, auth::Requester, http::Json,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_synapse/admin/v1/account_validity/validity", post(set))
        .route("/_synapse/client/email_account_validity/admin", post(set))
}

/// The year 1973. What is earlier was meant in seconds, and would end the account at once.
const EARLIEST_MS: i64 = 100_000_000_000;

#[derive(Deserialize)]
struct Validity {
    user_id: String,
    /// In ms since the epoch; without it, a period from now.
    expiration_ts: Option<i64>,
    /// Whether the owner is reminded before that; as in Synapse, where nothing is said they are.
    enable_renewal_emails: Option<bool>,
}

/// Answers when the account ends now, in ms since the epoch.
async fn set(
    State(server): State<Shared>,
    requester: Requester,
    Json(wanted): Json<Validity>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let user_id = local(&server, &wanted.user_id)?;
    let period_end = || server.people.get().and_then(|people| people.next_expiry_ms());
    let until_ms = wanted.expiration_ts.or_else(period_end).ok_or_else(|| {
        ApiError::missing_param("`expiration_ts` is missing, and accounts have no period here.")
    })?;
    if !(EARLIEST_MS..=INTEGER_MAX).contains(&until_ms) {
        return Err(ApiError::invalid_param("`expiration_ts` is no time in ms since the epoch."));
    }
    if user_id == requester.user_id && until_ms <= server.now_ms() {
        return Err(ApiError::forbidden("Nobody can do this to their own account."));
    }
    known(&server, &user_id).await?;
    let mut acts = vec![AdminAct::SetExpiry(Some(until_ms))];
    let reminders = wanted.enable_renewal_emails.unwrap_or(true);
    let person = server.store.person(&user_id).await?;
    if person.is_some_and(|person| person.reminders != reminders) {
        acts.push(AdminAct::SetReminders(reminders));
    }
    administer_as(&server, &requester, Some(&user_id), acts).await?;
    Ok(Json(json!({ "expiration_ts": until_ms })))
}

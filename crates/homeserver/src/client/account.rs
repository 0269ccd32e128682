// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Account management" (legacy API): password, deactivation, contacts.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, PeopleStore as _, accounts::Devices};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{session::proof_flows, v3};
use crate::{
    ApiError, ApiResult, Server, Shared,
    account_changes::AccountChange,
    account_log,
    auth::{
        Requester,
        uia::{self, Purpose, UiaRequest},
    },
    http::{Json, empty_object},
    people::{self, AccountNews},
};

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/account/password", post(change_password));
    let router = v3(router, "/account/password/email/requestToken", post(no_validation));
    let router = v3(router, "/account/password/msisdn/requestToken", post(no_validation));
    let router = v3(router, "/account/deactivate", post(deactivate_own));
    let router = v3(router, "/account/3pid", get(contacts).post(no_contacts));
    let router = v3(router, "/account/3pid/email/requestToken", post(no_validation));
    let router = v3(router, "/account/3pid/msisdn/requestToken", post(no_validation));
    ["add", "bind", "delete", "unbind"]
        .into_iter()
        .fold(router, |router, act| v3(router, &format!("/account/3pid/{act}"), post(no_contacts)))
}

#[derive(Deserialize)]
struct NewPassword {
    new_password: String,
    logout_devices: Option<bool>,
}

/// `POST /_matrix/client/v3/account/password`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountpassword>
async fn change_password(
    State(server): State<Shared>,
    requester: Requester,
    uri: http::Uri,
    Json(body): Json<Map<String, Value>>,
) -> ApiResult<Response> {
    let user_id = &requester.user_id;
    let flows = proof_flows(&server, &requester).await?;
    // Asking which proof is needed takes no new password.
    let wanted = match body.get("new_password") {
        None if body.get("auth").is_none_or(Value::is_null) => None,
        _ => Some(NewPassword::deserialize(&body).map_err(|error| {
            ApiError::bad_json(format!("The body has the wrong shape: {error}."))
        })?),
    };
    if let Some(wanted) = &wanted {
        people::check_password(&server, user_id, &wanted.new_password).await?;
    }
    let request = UiaRequest {
        user_id: Some(user_id),
        who: &requester.session(),
        method: "POST",
        path: uri.path(),
        body: &body,
        device_id: requester.device_id(),
        purpose: Some(&Purpose::SetPassword),
    };
    uia::authenticate(&server, request, flows).await?;
    let wanted = wanted.ok_or_else(|| ApiError::missing_param("`new_password` is missing."))?;
    let hash = server.auth.passwords.hash(&*server.random, &wanted.new_password).await?;
    let sign_out = match (wanted.logout_devices.unwrap_or(true), &requester.device) {
        (false, _) => None,
        (true, Some(device)) => Some(Devices::AllBut(device.device_id.clone())),
        (true, None) => Some(Devices::All),
    };
    let mailbox = people::mailbox(&server, user_id).await?;
    server.store.set_password(user_id, Some(hash), sign_out).await?;
    forget_proofs(&server, user_id);
    account_log::note("password_changed", user_id.as_str(), "");
    people::tell(&server, mailbox.as_deref(), AccountNews::PasswordChanged).await;
    Ok(empty_object())
}

/// Forgets what was given out on the strength of the old password.
pub fn forget_proofs(server: &Server, user_id: &UserId) {
    server.auth.forget(user_id);
    server.auth.openid_tokens.retain(|owner| owner != user_id);
}

#[derive(Deserialize)]
struct Deactivation {
    #[serde(default)]
    erase: bool,
}

/// `POST /_matrix/client/v3/account/deactivate`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3accountdeactivate>
async fn deactivate_own(
    State(server): State<Shared>,
    requester: Requester,
    uri: http::Uri,
    Json(body): Json<Map<String, Value>>,
) -> ApiResult<Json<Value>> {
    let request = Deactivation::deserialize(&body)
        .map_err(|error| ApiError::bad_json(format!("The body has the wrong shape: {error}.")))?;
    let user_id = &requester.user_id;
    if requester.appservice.is_none() {
        let flows = proof_flows(&server, &requester).await?;
        let uia = UiaRequest {
            user_id: Some(user_id),
            who: &requester.session(),
            method: "POST",
            path: uri.path(),
            body: &body,
            device_id: requester.device_id(),
            purpose: Some(&Purpose::Deactivate { erase: request.erase }),
        };
        uia::authenticate(&server, uia, flows).await?;
    }
    deactivate(&server, user_id, request.erase).await?;
    // No identifier was ever bound to an identity server from here.
    Ok(Json(json!({ "id_server_unbind_result": "success" })))
}

/// Ends an account and has its rooms left. `false` when there is none.
pub async fn deactivate(server: &Server, user_id: &UserId, erase: bool) -> ApiResult<bool> {
    server.account_changes.check_room()?;
    let mailbox = people::mailbox(server, user_id).await?;
    let known = server.store.deactivate_account(user_id, erase, server.now_ms()).await?;
    if known {
        if erase {
            server.erased.forget();
        }
        forget_proofs(server, user_id);
        account_log::note("deactivated", user_id.as_str(), "");
        server.account_changes.push(user_id.clone(), AccountChange::Leave);
        people::tell(server, mailbox.as_deref(), AccountNews::Deactivated).await;
    }
    Ok(known)
}

/// `GET /_matrix/client/v3/account/3pid`: the address of a person, which clients cannot change
/// (capability `m.3pid_changes`). An address becomes an account's when it is proven, so both times
/// are one.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3account3pid>
async fn contacts(State(server): State<Shared>, requester: Requester) -> ApiResult<Json<Value>> {
    let person = server.store.person(&requester.user_id).await?;
    let identifiers: Vec<Value> = person.iter().filter_map(people::third_party_id).collect();
    Ok(Json(json!({ "threepids": identifiers })))
}

async fn no_contacts(_requester: Requester) -> ApiError {
    ApiError::forbidden("Third-party identifiers are not managed by clients on this server.")
}

async fn no_validation() -> ApiError {
    let message = "E-mail addresses and phone numbers are not validated by this API here.";
    ApiError::new(StatusCode::BAD_REQUEST, "M_THREEPID_MEDIUM_NOT_SUPPORTED", message)
}

#[cfg(test)]
mod tests;

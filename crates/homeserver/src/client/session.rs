// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Client Authentication": refreshing, logging out, whoami.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_store::{
    AccountStore as _, OauthStore as _,
    accounts::{Devices, RefreshOutcome, TokenHash},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{v3, well_known};
use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::{self, MaybeLocked, Requester, tokens::IssuedPair, uia::Stage},
    http::{Json, RemoteAddress, empty_object},
    people,
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/refresh", post(refresh));
    let router = v3(router, "/logout", post(logout));
    let router = v3(router, "/logout/all", post(logout_all));
    v3(router, "/account/whoami", get(whoami)).route("/_matrix/client/v1/refresh", post(refresh))
}

/// What a user may prove with to do what a stolen access token alone must not: the password, or by
/// signing in anew on our pages in whatever way the account has (`m.login.sso`).
///
/// Whoever has neither has no stage at all, and the answer is 403: an absent password satisfies
/// nothing. So it is for devices of the OAuth 2.0 API, which do this on the account pages
/// (Client-Server API, "OAuth 2.0 API").
pub(super) async fn proof_flows(
    server: &Server,
    requester: &Requester,
) -> ApiResult<&'static [&'static [Stage]]> {
    if is_of_oauth(server, requester).await? {
        let base_url = well_known::configured(server).unwrap_or_default();
        let page = format!("{base_url}/_estafette/account");
        return Err(ApiError::forbidden(format!("This is done on the account page, {page}.")));
    }
    match legacy_flows(server, requester).await? {
        [] => Err(ApiError::forbidden("This account has no password with which to confirm this.")),
        flows => Ok(flows),
    }
}

/// The flows of sessions of the legacy API, which their account can complete. It may have none.
async fn legacy_flows(
    server: &Server,
    requester: &Requester,
) -> ApiResult<&'static [&'static [Stage]]> {
    let password = has_password(server, requester).await?;
    let pages = server.single_sign_on.get().is_some()
        && people::may_prove_on_pages(server, &requester.user_id).await?;
    let flows: &'static [&'static [Stage]] = match (password, pages) {
        (true, true) => &[&[Stage::Password], &[Stage::Sso]],
        (true, false) => &[&[Stage::Password]],
        (false, true) => &[&[Stage::Sso]],
        (false, false) => &[],
    };
    Ok(flows)
}

/// Whether [`proof_flows`] has any for this session.
pub(super) async fn may_prove(server: &Server, requester: &Requester) -> ApiResult<bool> {
    Ok(!is_of_oauth(server, requester).await? && !legacy_flows(server, requester).await?.is_empty())
}

async fn is_of_oauth(server: &Server, requester: &Requester) -> ApiResult<bool> {
    let Some(device) = &requester.device else { return Ok(false) };
    Ok(server.store.is_oauth_device(device.nid).await?)
}

async fn has_password(server: &Server, requester: &Requester) -> ApiResult<bool> {
    let account = server.store.account(&requester.user_id).await?;
    let has_password = account.is_some_and(|account| account.password_hash.is_some());
    Ok(has_password && server.config.login.password)
}

#[derive(Deserialize)]
struct RefreshRequest {
    refresh_token: String,
}

/// `POST /_matrix/client/v3/refresh`
///
/// The old pair works until the new one is first used. A refresh token that comes again after that
/// was stolen from somebody: the whole session ends (F-22).
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3refresh>
async fn refresh(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Json(request): Json<RefreshRequest>,
) -> ApiResult<Json<Value>> {
    // Tokens cannot be guessed: the limit is against those who try to keep the server busy.
    server.rate_limiter.check(Cost::Write, &format!("refresh from {address}"), server.now_ms())?;
    let pair = IssuedPair::new(&server, true);
    let given = TokenHash::of(&request.refresh_token);
    match server.store.refresh(&given, pair.stored).await? {
        RefreshOutcome::Refreshed => {
            let mut body = Map::new();
            pair.describe(&mut body);
            Ok(Json(Value::Object(body)))
        }
        RefreshOutcome::Locked => Err(auth::locked()),
        RefreshOutcome::Unknown => Err(unknown()),
        RefreshOutcome::Reused { user_id, device_id } => {
            tracing::warn!(%user_id, %device_id, "a used refresh token came again: session ended");
            if let Some(people) = server.people.get() {
                people.tell_of_reuse(&user_id, &device_id).await;
            }
            Err(unknown())
        }
    }
}

/// The device stays: with its password the client may go on where it was.
fn unknown() -> ApiError {
    let message = "The refresh token is not known or was used before.";
    ApiError::new(StatusCode::UNAUTHORIZED, "M_UNKNOWN_TOKEN", message).with("soft_logout", true)
}

/// `POST /_matrix/client/v3/logout`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logout>
async fn logout(
    State(server): State<Shared>,
    MaybeLocked(requester): MaybeLocked,
) -> ApiResult<Response> {
    // An application service without a device has no session that could end.
    if let Some(device) = requester.device {
        let devices = Devices::These(vec![device.device_id]);
        server.store.delete_devices(&requester.user_id, devices).await?;
    }
    Ok(empty_object())
}

/// `POST /_matrix/client/v3/logout/all`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3logoutall>
async fn logout_all(
    State(server): State<Shared>,
    MaybeLocked(requester): MaybeLocked,
) -> ApiResult<Response> {
    server.store.delete_devices(&requester.user_id, Devices::All).await?;
    server.auth.forget(&requester.user_id);
    Ok(empty_object())
}

/// `GET /_matrix/client/v3/account/whoami`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3accountwhoami>
async fn whoami(requester: Requester) -> Json<Value> {
    let mut body = json!({ "user_id": requester.user_id, "is_guest": false });
    if let (Some(device), Some(body)) = (requester.device, body.as_object_mut()) {
        body.insert("device_id".into(), json!(device.device_id));
    }
    Json(body)
}

#[cfg(test)]
mod tests;

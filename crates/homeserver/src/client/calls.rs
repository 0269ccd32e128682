// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Voice over IP", and the transports of group calls (MSC4143).

use axum::{Router, extract::State, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use sha1::Sha1;

use super::v3;
use crate::{ApiError, ApiResult, Shared, auth::Requester, http::Json};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/voip/turnServer", get(turn_server))
        .route("/_matrix/client/unstable/org.matrix.msc4143/rtc/transports", get(rtc_transports))
}

/// `GET /_matrix/client/v3/voip/turnServer`
///
/// With a shared secret the name says until when it holds and for whom, and the password is its
/// HMAC (draft-uberti-behave-turn-rest): the TURN server needs no list of users. Without TURN
/// servers the answer is empty, by which clients know that there are none.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3voipturnserver>
async fn turn_server(State(server): State<Shared>, requester: Requester) -> ApiResult<Json<Value>> {
    let calls = &server.config.calls;
    if calls.turn_uris.is_empty() {
        return Ok(Json(json!({})));
    }
    let (username, password) = if calls.turn_shared_secret.is_empty() {
        (calls.turn_username.clone(), calls.turn_password.clone())
    } else {
        let lifetime_s = i64::try_from(calls.turn_lifetime_s).unwrap_or(i64::MAX);
        let until_s = (server.now_ms() / 1000).saturating_add(lifetime_s);
        let username = format!("{until_s}:{}", requester.user_id);
        let mut mac = Hmac::<Sha1>::new_from_slice(calls.turn_shared_secret.as_bytes())
            .map_err(ApiError::internal)?;
        mac.update(username.as_bytes());
        (username, STANDARD.encode(mac.finalize().into_bytes()))
    };
    Ok(Json(json!({
        "username": username,
        "password": password,
        "uris": calls.turn_uris,
        "ttl": calls.turn_lifetime_s,
    })))
}

/// `GET /_matrix/client/unstable/org.matrix.msc4143/rtc/transports`
async fn rtc_transports(State(server): State<Shared>, _: Requester) -> Json<Value> {
    Json(json!({ "rtc_transports": server.config.calls.rtc_transports }))
}

#[cfg(test)]
mod tests;

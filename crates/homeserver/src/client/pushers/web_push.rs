// SPDX-License-Identifier: Apache-2.0
//! Pushers of kind `webpush` (MSC4174): set, then activated by the browser that received a token.

use axum::{extract::State, response::Response};
use estafette_core::limits::{
    PUSH_ACK_LIFETIME_MS, PUSH_ACKS_MAX, PUSHER_TEXT_BYTES_MAX, PUSHERS_PER_USER_MAX,
};
use estafette_store::{PushStore as _, push::Pusher};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    clock::random_letters,
    http::{Json, empty_object, json_response},
    push::{
        PendingAck,
        web_push::{self, ACTIVATED, KIND, Subscription},
    },
    rate_limit::Cost,
};

/// Letters of an activation token, 165 bits of chance.
const TOKEN_LETTERS: usize = 32;
const TOKEN_ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// What of `data` makes another subscription when it changes.
const IDENTITY: [&str; 2] = ["url", "auth"];

/// Checks the data of a `webpush` pusher.
pub(super) fn check(pushkey: &str, data: &Map<String, Value>) -> ApiResult<()> {
    Subscription::parse(pushkey, data).map_err(ApiError::invalid_param)?;
    if data.contains_key(ACTIVATED) {
        return Err(ApiError::invalid_param("`data.activated` is for the server to set."));
    }
    if Value::Object(data.clone()).to_string().len() > PUSHER_TEXT_BYTES_MAX {
        return Err(ApiError::too_large("`data` is too large."));
    }
    Ok(())
}

/// Stores a pusher. One that is new or changed, or was never activated, is sent a token first: the
/// answer is then 201.
pub(super) async fn set(server: &Shared, mut pusher: Pusher, append: bool) -> ApiResult<Response> {
    let mut data: Map<String, Value> = serde_json::from_str(&pusher.data).unwrap_or_default();
    let known = server.store.pushers(Some(&pusher.user_id)).await?;
    let known = known
        .into_iter()
        .map(|(_, known)| known)
        .find(|known| known.app_id == pusher.app_id && known.pushkey == pusher.pushkey);
    let activated = known.is_some_and(|known| {
        let before: Map<String, Value> = serde_json::from_str(&known.data).unwrap_or_default();
        known.kind == KIND
            && web_push::is_activated(&known.data)
            && IDENTITY.iter().all(|name| before.get(*name) == data.get(*name))
    });
    data.insert(ACTIVATED.to_owned(), Value::from(activated));
    pusher.data = Value::Object(data.clone()).to_string();
    let token = random_letters(&*server.random, TOKEN_ALPHABET, TOKEN_LETTERS);
    if !activated {
        await_ack(server, &pusher, &token)?;
    }
    if !server.store.set_pusher(pusher.clone(), append, PUSHERS_PER_USER_MAX).await? {
        return Err(ApiError::forbidden("The account has as many pushers as it may have."));
    }
    server.push.pushers_changed(&pusher.user_id, !append);
    if activated {
        return Ok(empty_object());
    }
    let subscription =
        Subscription::parse(&pusher.pushkey, &data).map_err(ApiError::invalid_param)?;
    let server = server.clone();
    tokio::spawn(async move {
        if !web_push::challenge(&server, &subscription, &pusher.app_id, &token).await {
            tracing::info!(user = %pusher.user_id, "a web push subscription could not be reached");
        }
    });
    Ok(json_response(StatusCode::CREATED, "{}".to_owned()))
}

fn await_ack(server: &Shared, pusher: &Pusher, token: &str) -> ApiResult<()> {
    let now_ms = server.now_ms();
    let mut acks = server.push.acks.lock();
    if acks.len() >= PUSH_ACKS_MAX {
        acks.retain(|_, ack| ack.expires_ms > now_ms);
    }
    // Nobody may take up the places of all others.
    let own = acks.iter().filter(|((user_id, app_id), ack)| {
        *user_id == pusher.user_id && *app_id != pusher.app_id && ack.expires_ms > now_ms
    });
    if u64::try_from(own.count()).unwrap_or(u64::MAX) >= PUSHERS_PER_USER_MAX {
        return Err(ApiError::forbidden("Too many pushers of the account wait for activation."));
    }
    if acks.len() >= PUSH_ACKS_MAX {
        return Err(ApiError::overloaded());
    }
    let ack = PendingAck {
        token_hash: Sha256::digest(token).into(),
        pushkey: pusher.pushkey.clone(),
        expires_ms: now_ms + PUSH_ACK_LIFETIME_MS,
    };
    acks.insert((pusher.user_id.clone(), pusher.app_id.clone()), ack);
    Ok(())
}

/// The body of `POST /pushers/ack`.
#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    app_id: String,
    ack_token: String,
}

/// `POST /_matrix/client/v3/pushers/ack` (MSC4174)
pub(super) async fn acknowledge(
    State(server): State<Shared>,
    requester: Requester,
    Json(body): Json<Ack>,
) -> ApiResult<Response> {
    let user_id = requester.user_id;
    server.rate_limiter.check(Cost::Write, user_id.as_str(), server.now_ms())?;
    let pushers = server.store.pushers(Some(&user_id)).await?;
    let ours: Vec<Pusher> = pushers
        .into_iter()
        .map(|(_, pusher)| pusher)
        .filter(|pusher| pusher.kind == KIND && pusher.app_id == body.app_id)
        .collect();
    if ours.is_empty() {
        return Err(ApiError::not_found("There is no web push pusher of this application."));
    }
    let key = (user_id.clone(), body.app_id);
    let pushkey = take_ack(&server, &key, &body.ack_token)?;
    let pusher = ours.into_iter().find(|pusher| pusher.pushkey == pushkey);
    let mut pusher = pusher.ok_or_else(unknown_token)?;
    let mut data: Map<String, Value> = serde_json::from_str(&pusher.data).unwrap_or_default();
    data.insert(ACTIVATED.to_owned(), json!(true));
    pusher.data = Value::Object(data).to_string();
    if !server.store.set_pusher(pusher, true, PUSHERS_PER_USER_MAX).await? {
        return Err(unknown_token());
    }
    server.push.pushers_changed(&user_id, false);
    Ok(empty_object())
}

/// The pusher that a token activates. The token is used up by it.
pub(super) fn take_ack(
    server: &Shared,
    key: &(estafette_core::ids::UserId, String),
    token: &str,
) -> ApiResult<String> {
    let mut acks = server.push.acks.lock();
    let known = acks.get(key).ok_or_else(unknown_token)?;
    let hash: [u8; 32] = Sha256::digest(token).into();
    if !bool::from(hash.ct_eq(&known.token_hash)) {
        return Err(unknown_token());
    }
    let late = known.expires_ms <= server.now_ms();
    let ack = acks.remove(key).ok_or_else(unknown_token)?;
    if late {
        return Err(ApiError::new(
            StatusCode::GONE,
            "M_EXPIRED_ACTIVATION_TOKEN",
            "The token came back too late: set the pusher again.",
        ));
    }
    Ok(ack.pushkey)
}

fn unknown_token() -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "M_UNKNOWN_ACTIVATION_TOKEN",
        "This token activates no pusher.",
    )
}

// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Push Notifications": pushers.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::limits::{
    PUSHER_APP_ID_CHARS_MAX, PUSHER_TEXT_BYTES_MAX, PUSHERS_PER_USER_MAX, PUSHKEY_BYTES_MAX,
};
use estafette_store::{PushStore as _, push::Pusher};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, empty_object, json_response},
    outbound::check_url,
    push::web_push::KIND as WEB_PUSH,
    rate_limit::Cost,
};

mod web_push;

/// The path that a gateway's URL must have.
const GATEWAY_PATH: &str = "/_matrix/push/v1/notify";

pub(super) fn routes() -> Router<Shared> {
    // MSC4174, under the names that clients ask for.
    let acks =
        ["v3", "unstable/org.matrix.msc4174"].into_iter().fold(Router::new(), |router, at| {
            router.route(&format!("/_matrix/client/{at}/pushers/ack"), post(web_push::acknowledge))
        });
    ["r0", "v3"].into_iter().fold(acks, |router, version| {
        let pushers = format!("/_matrix/client/{version}/pushers");
        router.route(&pushers, get(get_pushers)).route(&format!("{pushers}/set"), post(set_pusher))
    })
}

/// `GET /_matrix/client/v3/pushers`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushers>
async fn get_pushers(State(server): State<Shared>, requester: Requester) -> ApiResult<Response> {
    let pushers = server.store.pushers(Some(&requester.user_id)).await?;
    let pushers: Vec<_> = pushers.iter().map(|(_, pusher)| pusher_json(pusher)).collect();
    Ok(json_response(StatusCode::OK, json!({ "pushers": pushers }).to_string()))
}

fn pusher_json(pusher: &Pusher) -> Value {
    let data: Value = serde_json::from_str(&pusher.data).unwrap_or_default();
    let mut json = json!({
        "pushkey": pusher.pushkey,
        "kind": pusher.kind,
        "app_id": pusher.app_id,
        "app_display_name": pusher.app_display_name,
        "device_display_name": pusher.device_display_name,
        "lang": pusher.lang,
        "data": data,
        // MSC3881.
        "enabled": pusher.enabled,
        "org.matrix.msc3881.enabled": pusher.enabled,
        "device_id": pusher.device_id,
        "org.matrix.msc3881.device_id": pusher.device_id,
    });
    if let (Some(profile_tag), Some(json)) = (&pusher.profile_tag, json.as_object_mut()) {
        json.insert("profile_tag".to_owned(), Value::from(profile_tag.as_str()));
    }
    json
}

/// The body of `POST /pushers/set`.
#[derive(Debug, Deserialize)]
struct SetPusher {
    // Present in any case; `null` deletes.
    #[serde(deserialize_with = "Option::deserialize")]
    kind: Option<String>,
    app_id: String,
    pushkey: String,
    app_display_name: Option<String>,
    device_display_name: Option<String>,
    profile_tag: Option<String>,
    lang: Option<String>,
    data: Option<Map<String, Value>>,
    #[serde(default)]
    append: bool,
    enabled: Option<bool>,
    #[serde(rename = "org.matrix.msc3881.enabled")]
    unstable_enabled: Option<bool>,
}

/// `POST /_matrix/client/v3/pushers/set`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3pushersset>
async fn set_pusher(
    State(server): State<Shared>,
    requester: Requester,
    Json(body): Json<SetPusher>,
) -> ApiResult<Response> {
    let user_id = requester.user_id.clone();
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    check_key(&body)?;
    let Some(kind) = body.kind.clone() else {
        server.store.remove_pusher(&user_id, &body.app_id, &body.pushkey).await?;
        server.push.pushers_changed(&user_id, false);
        return Ok(empty_object());
    };
    if kind == WEB_PUSH {
        let append = body.append;
        let pusher = pusher(body, kind, requester, server.now_ms())?;
        return web_push::set(&server, pusher, append).await;
    }
    if kind != "http" {
        return Err(ApiError::invalid_param(format!("Pushers of kind `{kind}` are not offered.")));
    }
    let append = body.append;
    let pusher = pusher(body, kind, requester, server.now_ms())?;
    if !server.store.set_pusher(pusher, append, PUSHERS_PER_USER_MAX).await? {
        return Err(ApiError::forbidden("The account has as many pushers as it may have."));
    }
    server.push.pushers_changed(&user_id, !append);
    Ok(empty_object())
}

fn check_key(body: &SetPusher) -> ApiResult<()> {
    if body.pushkey.is_empty() || body.pushkey.len() > PUSHKEY_BYTES_MAX {
        return Err(ApiError::invalid_param("`pushkey` has 1 to 512 bytes."));
    }
    if body.app_id.is_empty() || body.app_id.chars().count() > PUSHER_APP_ID_CHARS_MAX {
        return Err(ApiError::invalid_param("`app_id` has 1 to 64 characters."));
    }
    Ok(())
}

/// The pusher that a body describes.
fn pusher(body: SetPusher, kind: String, requester: Requester, now_ms: i64) -> ApiResult<Pusher> {
    let required = |value: Option<String>, name: &str| {
        let value = value.ok_or_else(|| missing(name))?;
        if value.len() > PUSHER_TEXT_BYTES_MAX {
            return Err(ApiError::invalid_param(format!("`{name}` is too long.")));
        }
        Ok(value)
    };
    let data = body.data.ok_or_else(|| missing("data"))?;
    if kind == WEB_PUSH {
        web_push::check(&body.pushkey, &data)?;
    } else {
        check_data(&data)?;
    }
    Ok(Pusher {
        user_id: requester.user_id,
        device_id: requester.device.map(|device| device.device_id),
        set_ms: now_ms,
        kind,
        app_id: body.app_id,
        pushkey: body.pushkey,
        app_display_name: required(body.app_display_name, "app_display_name")?,
        device_display_name: required(body.device_display_name, "device_display_name")?,
        lang: required(body.lang, "lang")?,
        profile_tag: body.profile_tag.map(|tag| required(Some(tag), "profile_tag")).transpose()?,
        data: Value::Object(data).to_string(),
        enabled: body.enabled.or(body.unstable_enabled).unwrap_or(true),
    })
}

fn missing(name: &str) -> ApiError {
    ApiError::missing_param(format!("Missing parameters: {name}"))
}

/// `data.url` is the address of a gateway. Whether it may be reached is judged when connecting,
/// each time.
///
/// Deviation: the specification asks for `https`. Plain `http` is taken too, because a gateway of
/// the same house is often behind the operator's `outbound.allowed_networks`; content is never in
/// clear there unless the client refuses `event_id_only`.
fn check_data(data: &Map<String, Value>) -> ApiResult<()> {
    let url = data.get("url").and_then(Value::as_str).ok_or_else(|| missing("data.url"))?;
    let uri =
        check_url(url).map_err(|error| ApiError::invalid_param(format!("`data.url`: {error}.")))?;
    if uri.path() != GATEWAY_PATH {
        return Err(ApiError::invalid_param(format!("The path of `data.url` is {GATEWAY_PATH}.")));
    }
    if data.get("format").is_some_and(|format| !format.is_string()) {
        return Err(ApiError::bad_json("`data.format` is a string."));
    }
    if Value::Object(data.clone()).to_string().len() > PUSHER_TEXT_BYTES_MAX {
        return Err(ApiError::too_large("`data` is too large."));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

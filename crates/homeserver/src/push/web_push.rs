// SPDX-License-Identifier: Apache-2.0
//! Pushers of kind `webpush` (MSC4174): straight to the browser's push service, encrypted to the
//! browser (RFC 8030, 8291, 8292).
//!
//! A push says which event there is and how many are unread, and nothing else. It is encrypted all
//! the same; the push service learns when something came, and how urgent it is.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use estafette_core::limits::{PUSH_AGE_MS_MAX, PUSHER_TEXT_BYTES_MAX};
use estafette_store::push::Pusher;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{gateway::Answer, lane::Next};
use crate::{
    Shared,
    outbound::{OutboundRequest, check_url},
};

mod encryption;
mod vapid;

pub(crate) use encryption::Recipient;
pub(crate) use vapid::Vapid;

/// The kind of pusher.
pub(crate) const KIND: &str = "webpush";
/// In a pusher's data: whether the browser proved that it receives. Set by the server alone.
pub(crate) const ACTIVATED: &str = "activated";
/// How long a push service keeps what it cannot deliver.
const TTL_S: i64 = PUSH_AGE_MS_MAX / 1_000;
/// A topic has at most 32 characters (RFC 8030, section 5.4): 24 bytes in Base64.
const TOPIC_BYTES: usize = 24;

/// The address and the keys of a subscription.
pub(crate) struct Subscription {
    pub(crate) target: Uri,
    pub(crate) recipient: Recipient,
    auth: Vec<u8>,
}

/// What is wrong with a subscription, in a sentence.
pub(crate) type Problem = &'static str;

impl Subscription {
    /// From a pusher's key and data.
    pub(crate) fn parse(pushkey: &str, data: &Map<String, Value>) -> Result<Self, Problem> {
        let url = data.get("url").and_then(Value::as_str).ok_or("`data.url` is missing.")?;
        let target = check_url(url).map_err(|_| "`data.url` is no URL of a push service.")?;
        let key = URL_SAFE_NO_PAD.decode(pushkey).map_err(|_| "`pushkey` is no key.")?;
        let auth = data.get("auth").and_then(Value::as_str).ok_or("`data.auth` is missing.")?;
        let auth = URL_SAFE_NO_PAD.decode(auth).map_err(|_| "`data.auth` is no secret.")?;
        let recipient = Recipient::new(&key, &auth)
            .ok_or("`pushkey` is an uncompressed P-256 key, `data.auth` has 16 bytes.")?;
        Ok(Self { target, recipient, auth })
    }
}

/// Whether a pusher's browser proved that it receives.
pub(crate) fn is_activated(data: &str) -> bool {
    let data: Value = serde_json::from_str(data).unwrap_or_default();
    data.get(ACTIVATED).and_then(Value::as_bool) == Some(true)
}

/// Sends one notification.
pub(super) async fn notify(server: &Shared, pusher: &Pusher, next: &Next) -> Answer {
    let data: Map<String, Value> = serde_json::from_str(&pusher.data).unwrap_or_default();
    let Ok(subscription) = Subscription::parse(&pusher.pushkey, &data) else {
        return Answer::Rejected;
    };
    let Next::Event(item) = next else {
        // A browser has to show something for every push: a number alone is not worth that.
        return Answer::Accepted;
    };
    let message = json!({
        "event_id": item.event_id,
        "room_id": item.room_id,
        "counts": { "unread": item.badge },
        "prio": if item.urgent { "high" } else { "low" },
    });
    // What waits for a browser that is switched off is replaced by the room's next message.
    let mut topic = Sha256::new();
    topic.update(&subscription.auth);
    topic.update(item.room_id.as_str());
    let topic = topic.finalize();
    let topic = URL_SAFE_NO_PAD.encode(topic.get(..TOPIC_BYTES).unwrap_or_default());
    send(server, &subscription, &message, item.urgent, Some(&topic)).await
}

/// Asks a new subscription to prove that it receives: the browser sends the token back.
pub(crate) async fn challenge(
    server: &Shared,
    subscription: &Subscription,
    app_id: &str,
    ack_token: &str,
) -> bool {
    let message = json!({ "app_id": app_id, "ack_token": ack_token });
    let Ok(_permit) = server.push.requests.acquire().await else { return false };
    send(server, subscription, &message, true, None).await == Answer::Accepted
}

async fn send(
    server: &Shared,
    subscription: &Subscription,
    message: &Value,
    urgent: bool,
    topic: Option<&str>,
) -> Answer {
    let message = message.to_string();
    let sealed = encryption::seal(&subscription.recipient, &*server.random, message.as_bytes());
    let authorization = server.vapid.authorization(&subscription.target, server.now_ms());
    let (Some(body), Ok(mut authorization)) = (sealed, HeaderValue::from_str(&authorization))
    else {
        return Answer::Rejected;
    };
    authorization.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, authorization);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
    headers.insert("ttl", HeaderValue::from(TTL_S));
    let urgency = if urgent { "high" } else { "normal" };
    headers.insert("urgency", HeaderValue::from_static(urgency));
    if let Some(Ok(topic)) = topic.map(HeaderValue::from_str) {
        headers.insert("topic", topic);
    }
    let url = subscription.target.to_string();
    let mut request = OutboundRequest::json(Method::POST, url, body);
    request.headers = headers;
    request.answer_bytes_max = PUSHER_TEXT_BYTES_MAX;
    match server.outbound.send(request).await {
        Ok(answer) if answer.status.is_success() => Answer::Accepted,
        Ok(answer) => {
            tracing::debug!(status = %answer.status, "a push service refused a notification");
            match answer.status {
                // RFC 8030, section 7.3; MSC4174 adds 403.
                StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN => {
                    Answer::Rejected
                }
                _ => Answer::Failed,
            }
        }
        Err(error) => {
            tracing::debug!(%error, "a push service cannot be reached");
            Answer::Failed
        }
    }
}

#[cfg(test)]
mod tests;

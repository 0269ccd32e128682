// SPDX-License-Identifier: Apache-2.0
//! Sending messages to devices (Client-Server API, "Send-to-Device messaging").

use std::{collections::BTreeMap, sync::Arc};

use axum::{Router, extract::State, response::Response, routing::put};
use estafette_core::{
    ids::DeviceId,
    json::write_json_string,
    limits::{ID_BYTES_MAX, TXN_ID_BYTES_MAX},
};
use estafette_store::{
    ToDeviceStore as _,
    to_device::{ToDeviceMessage, ToDeviceTxn},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    keys::{is_local, parse_user},
    v3,
};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, empty_object},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/sendToDevice/{event_type}/{txn_id}", put(send_to_device))
}

/// The body: user → device or `*` → content.
#[derive(Debug, Deserialize)]
struct SendBody {
    messages: BTreeMap<String, BTreeMap<String, Box<RawValue>>>,
}

/// `PUT /_matrix/client/v3/sendToDevice/{eventType}/{txnId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3sendtodeviceeventtypetxnid>.
/// 200 after all messages are durable (E1); a repeat of the transaction sends nothing more, also
/// while the first is still under way (I2). A user of another server makes the request fail as a
/// whole as long as there is no federation: nothing is acknowledged that would not arrive.
async fn send_to_device(
    State(server): State<Shared>,
    requester: Requester,
    Path((event_type, txn_id)): Path<(String, String)>,
    Json(body): Json<SendBody>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    if txn_id.is_empty() || txn_id.len() > TXN_ID_BYTES_MAX {
        return Err(ApiError::invalid_param("The transaction id is empty or too long."));
    }
    if event_type.is_empty() || event_type.len() > ID_BYTES_MAX {
        return Err(ApiError::invalid_param("The event type is empty or too long."));
    }
    let mut end = String::from(",\"sender\":");
    write_json_string(&mut end, requester.user_id.as_str());
    end.push_str(",\"type\":");
    write_json_string(&mut end, &event_type);
    end.push('}');
    let mut messages = Vec::new();
    for (user, devices) in body.messages {
        let user_id = parse_user(&user)?;
        if !is_local(&server, &user_id) {
            let sentence = format!("{user_id} is on another server, which cannot be reached yet.");
            return Err(ApiError::forbidden(sentence));
        }
        for (device, content) in devices {
            if !content.get().starts_with('{') {
                return Err(ApiError::bad_json("The content of a message is no object."));
            }
            let device_id = match &*device {
                "*" => None,
                id => Some(DeviceId::parse(id).map_err(|error| {
                    ApiError::invalid_param(format!("A device id is wrong: {error}."))
                })?),
            };
            let json: Arc<str> = format!("{{\"content\":{}{end}", content.get()).into();
            messages.push(ToDeviceMessage { user_id: user_id.clone(), device_id, json });
        }
    }
    let txn = ToDeviceTxn {
        sender: requester.user_id,
        device_id: requester.device.map(|device| device.device_id),
        event_type,
        txn_id,
    };
    server.store.send_to_device(Some(txn), messages).await?;
    Ok(empty_object())
}

#[cfg(test)]
mod tests;

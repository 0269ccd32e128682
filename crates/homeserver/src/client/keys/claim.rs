// SPDX-License-Identifier: Apache-2.0
//! `POST /_matrix/client/v3/keys/claim`
//! (<https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysclaim>).

use std::collections::{BTreeMap, BTreeSet};

use axum::{extract::State, response::Response};
use estafette_core::{ids::DeviceId, limits::CLAIMS_PER_WRITE_MAX};
use estafette_store::{
    KeyStore as _,
    keys::{ClaimedKey, KeyClaim},
};
use http::StatusCode;
use serde::Deserialize;

use super::{is_local, parse_user, write_failures};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, json_response},
    rate_limit::Cost,
    sync::writer::ObjectWriter,
};

/// The body: user → device → algorithm.
#[derive(Debug, Deserialize)]
pub(super) struct ClaimBody {
    one_time_keys: BTreeMap<String, BTreeMap<String, String>>,
}

/// Gives out keys. What is in the answer is durable before it is sent, so that no other answer has
/// it, whatever happens to the server (I3). Limited: each claim costs its target a key.
pub(super) async fn claim(
    State(server): State<Shared>,
    requester: Requester,
    Json(body): Json<ClaimBody>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let mut failures = BTreeSet::new();
    let mut claims = Vec::new();
    for (name, devices) in body.one_time_keys {
        let user_id = parse_user(&name)?;
        if !is_local(&server, &user_id) {
            failures.insert(user_id.server_name().to_owned());
            continue;
        }
        for (device, algorithm) in devices {
            let wrong = |_| ApiError::invalid_param("A device id is empty or too long.");
            let device_id = DeviceId::parse(&device).map_err(wrong)?;
            claims.push(KeyClaim { user_id: user_id.clone(), device_id, algorithm });
        }
    }
    let mut claimed = Vec::with_capacity(claims.len());
    while !claims.is_empty() {
        let rest = claims.split_off(claims.len().min(CLAIMS_PER_WRITE_MAX));
        claimed.extend(server.store.claim_keys(claims).await?);
        claims = rest;
    }
    let mut json = String::with_capacity(512 * claimed.len());
    let mut answer = ObjectWriter::open(&mut json);
    write_claimed(&mut answer, &claimed);
    write_failures(&mut answer, &failures);
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

/// The keys by user and device; they come in that order.
fn write_claimed(answer: &mut ObjectWriter<'_>, claimed: &[ClaimedKey]) {
    let mut all = answer.object("one_time_keys");
    for of_user in claimed.chunk_by(|one, next| one.claim.user_id == next.claim.user_id) {
        let Some(first) = of_user.first() else { continue };
        let mut devices = all.object(first.claim.user_id.as_str());
        for key in of_user {
            let mut device = devices.object(key.claim.device_id.as_str());
            device.raw(&format!("{}:{}", key.claim.algorithm, key.key_id), &key.json);
            device.close();
        }
        devices.close();
    }
    all.close();
}

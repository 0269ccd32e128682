// SPDX-License-Identifier: Apache-2.0
//! The dialect of MSC4388: JSON with a `sequence_token`.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    response::Response,
    routing::{get, put},
};
use bytes::Bytes;
use estafette_core::limits::{RENDEZVOUS_BYTES_MAX, TXN_ID_BYTES_MAX};
use http::{HeaderMap, StatusCode, request::Parts};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::{Refused, json_answer, msc4108::whole, refuse_navigation};
use crate::Identity;

const PATH: &str = "/_matrix/client/unstable/io.element.msc4388/rendezvous";
/// A body around the greatest data, each byte of it escaped.
const BODY_BYTES_MAX: usize = RENDEZVOUS_BYTES_MAX * 6 + 1_024;

pub(super) fn routes() -> Router<Arc<Identity>> {
    Router::new()
        .route(PATH, get(discover).post(create))
        .route(&format!("{PATH}/{{id}}"), get(read).put(write).delete(remove))
        .route(&format!("{PATH}/{{id}}/{{txn_id}}"), put(write_once))
}

/// `GET …/rendezvous`: whether the requester may begin a session.
async fn discover(
    State(identity): State<Arc<Identity>>,
    parts: Parts,
) -> Result<Response, Refused> {
    let available = is_known(&identity, &parts).await?;
    Ok(json_answer(StatusCode::OK, &json!({ "create_available": available })))
}

#[derive(Deserialize)]
struct Create {
    data: String,
}

/// `POST …/rendezvous`: for people of this server alone, as the proposal has it by default.
async fn create(
    State(identity): State<Arc<Identity>>,
    request: Request,
) -> Result<Response, Refused> {
    let (parts, body) = request.into_parts();
    if !is_known(&identity, &parts).await? {
        return Err(Refused::Forbidden("Only people of this server may begin a session."));
    }
    let address = identity.host.remote_address(&parts);
    identity.host.limit_source(&format!("rendezvous from {address}"))?;
    let Create { data } = json_body(&whole(body, BODY_BYTES_MAX).await?)?;
    let (id, session) = identity.rendezvous.create(&*identity.host, address, data.into())?;
    let expires_in_ms = session.expires_ms.saturating_sub(identity.host.now_ms());
    let body = json!({ "id": id, "sequence_token": session.token, "expires_in_ms": expires_in_ms });
    Ok(json_answer(StatusCode::OK, &body))
}

/// `GET …/rendezvous/{id}`
async fn read(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Refused> {
    refuse_navigation(&headers)?;
    let now_ms = identity.host.now_ms();
    let session = identity.rendezvous.read(&id, now_ms)?;
    let body = json!({
        "data": String::from_utf8_lossy(&session.data),
        "sequence_token": session.token,
        "expires_in_ms": session.expires_ms.saturating_sub(now_ms),
    });
    Ok(json_answer(StatusCode::OK, &body))
}

#[derive(Deserialize)]
struct Write {
    sequence_token: String,
    data: String,
}

/// `PUT …/rendezvous/{id}`, as clients of the proposal before it had transaction ids: the repeat of
/// the write that stands there succeeds again.
async fn write(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
    request: Request,
) -> Result<Response, Refused> {
    let body = whole(request.into_body(), BODY_BYTES_MAX).await?;
    let Write { sequence_token, data } = json_body(&body)?;
    let (data, now_ms) = (Bytes::from(data), identity.host.now_ms());
    let session = match identity.rendezvous.write(&id, &sequence_token, data.clone(), now_ms) {
        Err(Refused::Concurrent(session)) if session.data == data => session,
        outcome => outcome?,
    };
    Ok(json_answer(StatusCode::OK, &json!({ "sequence_token": session.token })))
}

/// `PUT …/rendezvous/{id}/{txnId}`: what comes again is answered as the first time.
async fn write_once(
    State(identity): State<Arc<Identity>>,
    Path((id, txn_id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Refused> {
    if txn_id.len() > TXN_ID_BYTES_MAX {
        return Err(Refused::Malformed("M_INVALID_PARAM", "The transaction id is too long."));
    }
    let body = whole(request.into_body(), BODY_BYTES_MAX).await?;
    let Write { sequence_token, data } = json_body(&body)?;
    let (write, now_ms) = ((&*sequence_token, Bytes::from(data)), identity.host.now_ms());
    let token = identity.rendezvous.write_once(&id, &txn_id, write, now_ms)?;
    Ok(json_answer(StatusCode::OK, &json!({ "sequence_token": token })))
}

/// `DELETE …/rendezvous/{id}`
async fn remove(
    State(identity): State<Arc<Identity>>,
    Path(id): Path<String>,
) -> Result<Response, Refused> {
    identity.rendezvous.remove(&id, identity.host.now_ms())?;
    Ok(json_answer(StatusCode::OK, &json!({})))
}

fn json_body<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|_| Refused::Malformed("M_BAD_JSON", "The body has the wrong shape."))
}

/// Whether somebody of this server asks. A token that lets nobody in is no missing one (MSC4388,
/// "Authentication"): its client is to refresh it.
async fn is_known(identity: &Identity, parts: &Parts) -> Result<bool, Refused> {
    identity.host.requester(parts).await.map(|user_id| user_id.is_some()).map_err(Refused::Unknown)
}

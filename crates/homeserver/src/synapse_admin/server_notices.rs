// SPDX-License-Identifier: Apache-2.0
//! Announcing something to a user.
//!
//! <https://element-hq.github.io/synapse/latest/admin_api/server_notices.html>

use axum::{
    Router,
    extract::State,
    routing::{post, put},
};
use estafette_store::people::AuditEntry;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::users::local;
use crate::{
    ApiResult, Shared,
    auth::Requester,
    client::{content::object_of, send::transaction},
    http::{Json, Path},
    server_notices::{self, Notice},
};

pub(super) fn routes() -> Router<Shared> {
    let path = "/_synapse/admin/v1/send_server_notice";
    Router::new().route(path, post(send)).route(&format!("{path}/{{txn_id}}"), put(send_once))
}

#[derive(Deserialize)]
struct Body {
    user_id: String,
    content: Map<String, Value>,
    #[serde(rename = "type")]
    kind: Option<String>,
    state_key: Option<String>,
}

/// `POST /_synapse/admin/v1/send_server_notice`
async fn send(
    State(server): State<Shared>,
    requester: Requester,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    announce(&server, &requester, body, None).await
}

/// `PUT /_synapse/admin/v1/send_server_notice/{txnId}`: a retry announces nothing again.
async fn send_once(
    State(server): State<Shared>,
    requester: Requester,
    Path(txn_id): Path<String>,
    Json(body): Json<Body>,
) -> ApiResult<Json<Value>> {
    announce(&server, &requester, body, Some(&txn_id)).await
}

async fn announce(
    server: &Shared,
    requester: &Requester,
    body: Body,
    txn_id: Option<&str>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let notice = Notice {
        user_id: local(server, &body.user_id)?,
        kind: body.kind.unwrap_or_else(|| "m.room.message".to_owned()),
        state_key: body.state_key,
        content: object_of(&body.content)?,
        txn: match txn_id {
            Some(txn_id) => transaction(requester, &["server_notice", &body.user_id], txn_id)?,
            None => None,
        },
    };
    let actor = requester.user_id.to_string();
    let entry = AuditEntry { actor, reason: None, now_ms: server.now_ms() };
    let event_id = server_notices::send(server, entry, notice).await?;
    Ok(Json(json!({ "event_id": event_id })))
}

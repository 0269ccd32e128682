// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Server administration": whois, locking, suspending (v1.18).

use axum::{Router, extract::State, routing::get};
use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _,
    accounts::{Account, AccountFlag},
    people::AdminAct,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::v3;
use crate::{
    ApiError, ApiResult, Server, Shared,
    administration::administer_as,
    auth::Requester,
    http::{Json, Path},
};

pub(super) fn routes() -> Router<Shared> {
    let router = v3(Router::new(), "/admin/whois/{user_id}", get(whois));
    ["/_matrix/client/v1", "/_matrix/client/unstable/uk.timedout.msc4323"].into_iter().fold(
        router,
        |router, prefix| {
            router
                .route(&format!("{prefix}/admin/lock/{{user_id}}"), get(locked).put(lock))
                .route(&format!("{prefix}/admin/suspend/{{user_id}}"), get(suspended).put(suspend))
        },
    )
}

/// `GET /_matrix/client/v3/admin/whois/{userId}`: for administrators, and for oneself.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3adminwhoisuserid>
async fn whois(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    if requester.user_id.as_str() != user_id {
        requester.check_admin()?;
    }
    let account = target(&server, &user_id).await?;
    describe_sessions(&server, &account.user_id).await.map(Json)
}

/// When, from where and with what a user's devices were used.
pub(crate) async fn describe_sessions(server: &Server, user_id: &UserId) -> ApiResult<Value> {
    let mut devices = Map::new();
    for device in server.store.devices(user_id).await? {
        let seen = server.auth.device_uses.waiting(device.nid).or(device.seen);
        let connections: Vec<Value> = seen
            .iter()
            .map(|seen| {
                json!({ "ip": seen.ip, "last_seen": seen.at_ms, "user_agent": seen.user_agent })
            })
            .collect();
        let sessions = json!({ "sessions": [{ "connections": connections }] });
        devices.insert(device.device_id.to_string(), sessions);
    }
    Ok(json!({ "user_id": user_id, "devices": devices }))
}

/// An account of this server that is not deactivated. To be asked for after the requester's right.
async fn target(server: &Server, user_id: &str) -> ApiResult<Account> {
    let user_id = UserId::parse(user_id)
        .map_err(|error| ApiError::invalid_param(format!("The user id is wrong: {error}.")))?;
    if user_id.server_name() != server.server_name.as_str() {
        return Err(ApiError::invalid_param("The user does not belong to this server."));
    }
    let account = server.store.account(&user_id).await?.filter(|account| !account.deactivated);
    account.ok_or_else(|| ApiError::not_found("There is no such user."))
}

/// `GET /_matrix/client/v1/admin/lock/{userId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminlockuserid>
async fn locked(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let account = moderated(&server, &requester, &user_id).await?;
    Ok(Json(json!({ "locked": account.locked })))
}

#[derive(Deserialize)]
struct Lock {
    locked: bool,
}

/// `PUT /_matrix/client/v1/admin/lock/{userId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminlockuserid>
async fn lock(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    Json(request): Json<Lock>,
) -> ApiResult<Json<Value>> {
    switch(&server, &requester, &user_id, AccountFlag::Locked, request.locked).await?;
    Ok(Json(json!({ "locked": request.locked })))
}

/// `GET /_matrix/client/v1/admin/suspend/{userId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1adminsuspenduserid>
async fn suspended(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    let account = moderated(&server, &requester, &user_id).await?;
    Ok(Json(json!({ "suspended": account.suspended })))
}

#[derive(Deserialize)]
struct Suspend {
    suspended: bool,
}

/// `PUT /_matrix/client/v1/admin/suspend/{userId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv1adminsuspenduserid>
async fn suspend(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    Json(request): Json<Suspend>,
) -> ApiResult<Json<Value>> {
    switch(&server, &requester, &user_id, AccountFlag::Suspended, request.suspended).await?;
    Ok(Json(json!({ "suspended": request.suspended })))
}

/// The account that an administrator looks at; other administrators are out of reach.
async fn moderated(server: &Server, requester: &Requester, user_id: &str) -> ApiResult<Account> {
    requester.check_admin()?;
    let account = target(server, user_id).await?;
    if account.is_admin && account.user_id != requester.user_id {
        return Err(ApiError::forbidden("The user is an administrator."));
    }
    Ok(account)
}

async fn switch(
    server: &Server,
    requester: &Requester,
    user_id: &str,
    flag: AccountFlag,
    value: bool,
) -> ApiResult<()> {
    let account = moderated(server, requester, user_id).await?;
    if account.user_id == requester.user_id {
        return Err(ApiError::forbidden("Nobody can do this to their own account."));
    }
    let act = AdminAct::SetFlag(flag, value);
    administer_as(server, requester, Some(&account.user_id), vec![act]).await
}

#[cfg(test)]
mod tests;

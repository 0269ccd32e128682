// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Capabilities negotiation": what this user may do here.

use axum::{Router, extract::State, routing::get};
use estafette_core::version::RoomVersion;
use serde_json::{Map, Value, json};

use super::{profile::has_imposed_name, session::may_prove, v3};
use crate::{ApiResult, Shared, auth::Requester, guests, http::Json};

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/capabilities", get(capabilities))
}

/// `GET /_matrix/client/v3/capabilities`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3capabilities>
async fn capabilities(
    State(server): State<Shared>,
    requester: Requester,
) -> ApiResult<Json<Value>> {
    let may_prove = may_prove(&server, &requester).await?;
    let may_name = requester.is_admin || !has_imposed_name(&server, &requester.user_id).await?;
    let available: Map<String, Value> =
        RoomVersion::all().map(|version| (version.as_str().to_owned(), json!("stable"))).collect();
    let is_guest = guests::is_guest(&server, &requester.user_id).await?;
    let invites = !is_guest && server.address_book.get().is_some_and(|book| book.invites());
    let mut capabilities = json!({
        "m.change_password": { "enabled": may_prove },
        "m.room_versions": {
            "default": server.config.default_room_version,
            "available": available,
        },
        "m.profile_fields": profile_fields(may_name),
        "m.set_displayname": { "enabled": may_name },
        "m.set_avatar_url": { "enabled": true },
        "m.3pid_changes": { "enabled": false },
        "m.get_login_token": { "enabled": may_prove },
        "m.forget_forced_upon_leave": { "enabled": false },
        "uk.tcpip.msc4133.profile_fields": profile_fields(may_name),
        // Inviting by e-mail without an identity server: this one is its own.
        "org.estafette.third_party_invites": { "enabled": invites, "media": ["email"] },
        // Whether this is somebody from outside, who may not make rooms, invite or look around.
        "org.estafette.account": { "guest": is_guest },
        // Whether rooms have kinds here, and encryption follows from them.
        "im.vector.room.access_rules": { "enabled": server.config.rooms.access_rules },
        // MSC4174.
        "org.matrix.msc4174.webpush": { "enabled": true, "vapid": server.vapid.public() },
    });
    if let (true, Some(capabilities)) = (requester.is_admin, capabilities.as_object_mut()) {
        let moderation = json!({ "suspend": true, "lock": true });
        capabilities.insert("m.account_moderation".into(), moderation.clone());
        capabilities.insert("uk.timedout.msc4323".into(), moderation);
    }
    Ok(Json(json!({ "capabilities": capabilities })))
}

/// `m.profile_fields` (Client-Server API v1.16): all fields, or all but an imposed name.
fn profile_fields(may_name: bool) -> Value {
    if may_name {
        json!({ "enabled": true })
    } else {
        json!({ "enabled": true, "disallowed": ["displayname"] })
    }
}

#[cfg(test)]
mod tests;

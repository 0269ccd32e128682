// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Client Config" and "Room Tagging": account data, global and per room; tags.

use axum::{
    Router,
    response::Response,
    routing::{get, put},
};
use estafette_core::{
    ids::{EventId, RoomId, UserId},
    limits::{ACCOUNT_DATA_TYPE_BYTES_MAX, TAG_BYTES_MAX, TAGS_PER_ROOM_MAX},
};
use estafette_store::{
    AccountDataStore as _, Position,
    account_data::{AccountData, SetOutcome},
};
use http::StatusCode;
use serde_json::{Map, Value, json, value::RawValue};

use super::push_rules;
use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::Requester,
    http::{Json, Path, empty_object, json_response},
    rate_limit::Cost,
};

/// How often an edit is tried again when the data changed under it.
const EDIT_TRIES: u32 = 8;

/// The type of the fully-read marker, which has endpoints of its own (MSC4010).
const FULLY_READ: &str = "m.fully_read";
/// The type of the tags of a room.
const TAG: &str = "m.tag";

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    for version in ["r0", "v3"] {
        let user = format!("/_matrix/client/{version}/user/{{user_id}}");
        router = router
            .route(&format!("{user}/account_data/{{type}}"), get(get_global).put(set_global))
            .route(
                &format!("{user}/rooms/{{room_id}}/account_data/{{type}}"),
                get(get_for_room).put(set_for_room),
            )
            .route(&format!("{user}/rooms/{{room_id}}/tags"), get(get_tags))
            .route(
                &format!("{user}/rooms/{{room_id}}/tags/{{tag}}"),
                put(set_tag).delete(remove_tag),
            );
    }
    // MSC3391.
    let user = "/_matrix/client/unstable/org.matrix.msc3391/user/{user_id}";
    router
        .route(&format!("{user}/account_data/{{type}}"), put(set_global).delete(delete_global))
        .route(
            &format!("{user}/rooms/{{room_id}}/account_data/{{type}}"),
            put(set_for_room).delete(delete_for_room),
        )
}

/// `PUT /_matrix/client/v3/user/{userId}/account_data/{type}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridaccount_datatype>
async fn set_global(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, kind)): Path<(String, String)>,
    Json(content): Json<Box<RawValue>>,
) -> ApiResult<Response> {
    check_write(&server, &requester, &user_id, &kind)?;
    set(&server, &requester.user_id, None, &kind, Some(object(&content)?)).await?;
    Ok(empty_object())
}

/// `GET /_matrix/client/v3/user/{userId}/account_data/{type}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridaccount_datatype>
async fn get_global(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, kind)): Path<(String, String)>,
) -> ApiResult<Response> {
    check_owner(&requester, &user_id)?;
    if kind == push_rules::KIND {
        let rules = push_rules::load(&server, &requester.user_id).await?;
        let json = rules.rule_set.to_json(requester.user_id.as_str());
        return Ok(json_response(StatusCode::OK, json.to_string()));
    }
    read(&server, &requester.user_id, None, &kind).await
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidaccount_datatype>
async fn set_for_room(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, room_id, kind)): Path<(String, String, String)>,
    Json(content): Json<Box<RawValue>>,
) -> ApiResult<Response> {
    check_write(&server, &requester, &user_id, &kind)?;
    let room_id = room(&room_id)?;
    let content = Some(object(&content)?);
    set(&server, &requester.user_id, Some(&room_id), &kind, content).await?;
    Ok(empty_object())
}

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/account_data/{type}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidaccount_datatype>
async fn get_for_room(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, room_id, kind)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    check_owner(&requester, &user_id)?;
    read(&server, &requester.user_id, Some(&room(&room_id)?), &kind).await
}

/// `DELETE /_matrix/client/unstable/org.matrix.msc3391/user/{userId}/account_data/{type}`
async fn delete_global(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, kind)): Path<(String, String)>,
) -> ApiResult<Response> {
    check_write(&server, &requester, &user_id, &kind)?;
    delete(&server, &requester.user_id, None, &kind).await
}

/// `DELETE …/org.matrix.msc3391/user/{userId}/rooms/{roomId}/account_data/{type}`
async fn delete_for_room(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, room_id, kind)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    check_write(&server, &requester, &user_id, &kind)?;
    delete(&server, &requester.user_id, Some(&room(&room_id)?), &kind).await
}

/// `GET /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridroomsroomidtags>
async fn get_tags(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, room_id)): Path<(String, String)>,
) -> ApiResult<Response> {
    check_owner(&requester, &user_id)?;
    let (tags, _) = load_tags(&server, &requester.user_id, &room(&room_id)?).await?;
    Ok(json_response(StatusCode::OK, json!({ "tags": tags }).to_string()))
}

/// `PUT /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3useruseridroomsroomidtagstag>
async fn set_tag(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, room_id, tag)): Path<(String, String, String)>,
    Json(content): Json<Map<String, Value>>,
) -> ApiResult<Response> {
    check_write(&server, &requester, &user_id, TAG)?;
    if tag.len() > TAG_BYTES_MAX {
        return Err(ApiError::invalid_param("The name of a tag has at most 255 bytes."));
    }
    if content.get("order").is_some_and(|order| !order.is_number()) {
        return Err(ApiError::bad_json("`order` is a number."));
    }
    edit_tags(&server, &requester.user_id, &room(&room_id)?, |tags| {
        if tags.len() >= TAGS_PER_ROOM_MAX && !tags.contains_key(&tag) {
            return Err(ApiError::forbidden("The room has as many tags as it may have."));
        }
        tags.insert(tag.clone(), Value::Object(content.clone()));
        Ok(())
    })
    .await?;
    Ok(empty_object())
}

/// `DELETE /_matrix/client/v3/user/{userId}/rooms/{roomId}/tags/{tag}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3useruseridroomsroomidtagstag>
async fn remove_tag(
    server: axum::extract::State<Shared>,
    requester: Requester,
    Path((user_id, room_id, tag)): Path<(String, String, String)>,
) -> ApiResult<Response> {
    check_write(&server, &requester, &user_id, TAG)?;
    let room_id = room(&room_id)?;
    edit_tags(&server, &requester.user_id, &room_id, |tags| {
        tags.remove(&tag);
        Ok(())
    })
    .await?;
    Ok(empty_object())
}

/// Moves the fully-read marker of a room: for `/read_markers`, the only way to set it.
pub(crate) async fn set_fully_read(
    server: &Server,
    user_id: &UserId,
    room_id: &RoomId,
    event_id: &EventId,
) -> ApiResult<()> {
    let content = json!({ "event_id": event_id }).to_string();
    set(server, user_id, Some(room_id), FULLY_READ, Some(&content)).await
}

/// Account data as a sync shows it. Push rules are stored as the user's changes to the defaults,
/// and
/// shown whole; on a `first` sync they are there even if the user never changed any.
pub(crate) fn shown(
    server: &Server,
    user_id: &UserId,
    mut data: Vec<AccountData>,
    first: bool,
) -> Vec<AccountData> {
    let is_rules = |data: &AccountData| data.room_id.is_none() && data.kind == push_rules::KIND;
    if first && !data.iter().any(is_rules) {
        data.push(AccountData {
            room_id: None,
            kind: push_rules::KIND.to_owned(),
            content: None,
            pos: Position(0),
        });
    }
    for rules in data.iter_mut().filter(|data| is_rules(data)) {
        let stored = rules.content.take();
        rules.content = Some(push_rules::shown(server, user_id, stored.as_deref()));
    }
    data
}

async fn set(
    server: &Server,
    user_id: &UserId,
    room_id: Option<&RoomId>,
    kind: &str,
    content: Option<&str>,
) -> ApiResult<()> {
    let outcome = server.store.set_account_data(user_id, room_id, kind, content, None).await?;
    match outcome {
        SetOutcome::Set(_) | SetOutcome::Changed => Ok(()),
        SetOutcome::TooMany => Err(too_many()),
    }
}

pub(super) fn too_many() -> ApiError {
    ApiError::forbidden("The account has as much account data as it may have.")
}

async fn read(
    server: &Server,
    user_id: &UserId,
    room_id: Option<&RoomId>,
    kind: &str,
) -> ApiResult<Response> {
    let data = server.store.account_data(user_id, room_id, kind).await?;
    let content = data.and_then(|data| data.content);
    let content = content.ok_or_else(|| ApiError::not_found("There is no such account data."))?;
    Ok(json_response(StatusCode::OK, content))
}

async fn delete(
    server: &Server,
    user_id: &UserId,
    room_id: Option<&RoomId>,
    kind: &str,
) -> ApiResult<Response> {
    let known = server.store.account_data(user_id, room_id, kind).await?;
    // What is not there needs no row that says so.
    if known.is_some_and(|data| data.content.is_some()) {
        set(server, user_id, room_id, kind, None).await?;
    }
    Ok(empty_object())
}

async fn load_tags(
    server: &Server,
    user_id: &UserId,
    room_id: &RoomId,
) -> ApiResult<(Map<String, Value>, Position)> {
    let data = server.store.account_data(user_id, Some(room_id), TAG).await?;
    let pos = data.as_ref().map_or(Position(0), |data| data.pos);
    let content = data.and_then(|data| data.content);
    // Clients may write `m.tag` directly, in any shape.
    let content: Value =
        content.and_then(|content| serde_json::from_str(&content).ok()).unwrap_or_default();
    let tags = content.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
    Ok((tags, pos))
}

async fn edit_tags(
    server: &Server,
    user_id: &UserId,
    room_id: &RoomId,
    edit: impl Fn(&mut Map<String, Value>) -> ApiResult<()>,
) -> ApiResult<()> {
    for _ in 0..EDIT_TRIES {
        let (mut tags, pos) = load_tags(server, user_id, room_id).await?;
        edit(&mut tags)?;
        let content = json!({ "tags": tags }).to_string();
        let room_id = Some(room_id);
        let outcome =
            server.store.set_account_data(user_id, room_id, TAG, Some(&content), Some(pos)).await?;
        match outcome {
            SetOutcome::Set(_) => return Ok(()),
            SetOutcome::Changed => {}
            SetOutcome::TooMany => return Err(too_many()),
        }
    }
    Err(ApiError::overloaded())
}

/// A body that is an object, as its text.
fn object(content: &RawValue) -> ApiResult<&str> {
    let text = content.get().trim();
    if text.starts_with('{') {
        Ok(text)
    } else {
        Err(ApiError::bad_json("Account data is a JSON object."))
    }
}

fn room(text: &str) -> ApiResult<RoomId> {
    RoomId::parse(text)
        .map_err(|error| ApiError::invalid_param(format!("`{text}` is not a room id: {error}.")))
}

/// Only the owner may use these endpoints, whoever else exists.
pub(super) fn check_owner(requester: &Requester, user_id: &str) -> ApiResult<()> {
    if requester.user_id.as_str() == user_id {
        Ok(())
    } else {
        Err(ApiError::forbidden("Only the user may do this."))
    }
}

fn check_write(server: &Server, requester: &Requester, user_id: &str, kind: &str) -> ApiResult<()> {
    check_owner(requester, user_id)?;
    if kind == FULLY_READ || kind == push_rules::KIND {
        return Err(ApiError::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "M_BAD_JSON",
            format!("`{kind}` is set by endpoints of its own."),
        ));
    }
    if kind.is_empty() || kind.len() > ACCOUNT_DATA_TYPE_BYTES_MAX {
        return Err(ApiError::invalid_param("A type has 1 to 255 bytes."));
    }
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())
}

#[cfg(test)]
mod tests;

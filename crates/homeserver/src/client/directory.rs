// SPDX-License-Identifier: Apache-2.0
//! Aliases and the public directory (Client-Server API, "Room aliases" and "Listing rooms").

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, put},
};
use estafette_core::{
    ids::{RoomAlias, RoomId, UserId},
    json::Value as JsonValue,
    limits::DIRECTORY_PAGE_MAX,
    room::{Command, RoomView, access_rules::AccessRules},
};
use estafette_store::{
    RoomStore as _,
    rooms::{PublicRoom, RoomList},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    create_room::check_alias_namespace,
    room_access::{joined_room, known_room, readable_room, room_of_alias},
    room_summary::{Summary, optional, write_summary},
    v3,
};
use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::Requester,
    guests,
    http::{Json, OptionalJson, Path, Query, RemoteAddress, empty_object, json_response},
    rate_limit::Cost,
    room_worker::{Request, RoomError, submit_to},
    sync::writer::{ObjectWriter, array},
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = Router::new();
    let alias = get(resolve_alias).merge(put(put_alias)).delete(delete_alias);
    router = v3(router, "/directory/room/{room_alias}", alias);
    router = v3(router, "/rooms/{room_id}/aliases", get(aliases));
    router = v3(router, "/directory/list/room/{room_id}", get(visibility).put(set_visibility));
    v3(router, "/publicRooms", get(public_rooms).post(search_public_rooms))
}

/// `GET /_matrix/client/v3/directory/room/{roomAlias}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directoryroomroomalias>
async fn resolve_alias(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Path(alias): Path<RoomAlias>,
) -> ApiResult<Json<Value>> {
    // No token is asked for here, so the address is what can be held back.
    server.rate_limiter.check(Cost::Write, &format!("alias {address}"), server.now_ms())?;
    let room_id = room_of_alias(&server, &alias).await?.ok_or_else(no_such_alias)?;
    Ok(Json(json!({ "room_id": room_id, "servers": [server.server_name] })))
}

fn no_such_alias() -> ApiError {
    ApiError::not_found("No room has that alias on this server.")
}

#[derive(Debug, Deserialize)]
struct PutAliasBody {
    room_id: RoomId,
}

/// `PUT /_matrix/client/v3/directory/room/{roomAlias}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directoryroomroomalias>
async fn put_alias(
    State(server): State<Shared>,
    requester: Requester,
    Path(alias): Path<RoomAlias>,
    Json(body): Json<PutAliasBody>,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    requester.check_not_suspended()?;
    if alias.server_name() != server.server_name.as_str() {
        return Err(ApiError::invalid_param("The alias is one of another server."));
    }
    check_alias_namespace(&server, &requester, &alias)?;
    if is_ones_own(&requester, &alias) {
        // A bridge names rooms that its users are in, whichever of them asks.
        let known = server.rooms.get(&server.store, &body.room_id).await?;
        known.ok_or_else(|| ApiError::not_found("There is no such room here."))?;
    } else {
        joined_room(&server, &requester.user_id, &body.room_id).await?;
    }
    if server.store.put_alias(&alias, &body.room_id, &requester.user_id).await? {
        return Ok(empty_object());
    }
    Err(ApiError::new(StatusCode::CONFLICT, "M_UNKNOWN", "The alias names a room already."))
}

/// Whether an application service asks about an alias of its namespaces.
fn is_ones_own(requester: &Requester, alias: &RoomAlias) -> bool {
    requester.appservice.as_ref().is_some_and(|service| service.is_interested_in_alias(alias))
}

/// `DELETE /_matrix/client/v3/directory/room/{roomAlias}`: for its maker, for the application
/// service whose it is, and for those who may set the canonical alias of the room that it names.
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3directoryroomroomalias>
async fn delete_alias(
    State(server): State<Shared>,
    requester: Requester,
    Path(alias): Path<RoomAlias>,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    requester.check_not_suspended()?;
    let (room_id, creator) = server.store.alias(&alias).await?.ok_or_else(no_such_alias)?;
    if creator != requester.user_id && !is_ones_own(&requester, &alias) {
        let room = server.rooms.get(&server.store, &room_id).await?;
        let may = room.is_some_and(|room| manages(&room.snapshot().view, &requester.user_id));
        if !may {
            return Err(ApiError::forbidden("You may not delete this alias."));
        }
    }
    server.store.delete_alias(&alias).await?;
    unset_canonical(&server, &requester, (&room_id, &alias)).await?;
    Ok(empty_object())
}

/// Takes a deleted alias out of its room's `m.room.canonical_alias`, where the requester may. The
/// alias is gone in any case (the specification: "Servers may choose to update").
async fn unset_canonical(
    server: &Shared,
    requester: &Requester,
    (room_id, alias): (&RoomId, &RoomAlias),
) -> ApiResult<()> {
    let Some(room) = server.rooms.get(&server.store, room_id).await? else { return Ok(()) };
    let snapshot = room.snapshot();
    let Some(event) = snapshot.view.state_event("m.room.canonical_alias", "") else {
        return Ok(());
    };
    let mut content = event.content().clone();
    let is_alias = |value: &JsonValue| value.as_str() == Some(alias.as_str());
    if content.get("alias").is_some_and(is_alias) {
        content.remove("alias");
    }
    if let Some(JsonValue::Array(others)) = content.get("alt_aliases") {
        let left: Vec<JsonValue> = others.iter().filter(|one| !is_alias(one)).cloned().collect();
        if left.is_empty() {
            content.remove("alt_aliases");
        } else {
            content.insert("alt_aliases".into(), JsonValue::Array(left));
        }
    }
    if content == *event.content() {
        return Ok(());
    }
    let sender = requester.user_id.clone();
    let kind = "m.room.canonical_alias".to_owned();
    let command = Command::SendState { sender, kind, state_key: String::new(), content };
    match submit_to(server, &room, Request::new(command)).await {
        Ok(_) | Err(RoomError::Rejected(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Whether a user decides under which names a room is found.
fn manages(view: &RoomView, user_id: &UserId) -> bool {
    let levels = view.power_levels();
    view.is_joined(user_id) && levels.user(user_id) >= levels.event("m.room.canonical_alias", true)
}

/// `GET /_matrix/client/v3/rooms/{roomId}/aliases`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidaliases>
async fn aliases(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
) -> ApiResult<Json<Value>> {
    readable_room(&server, &requester.user_id, &room_id).await?;
    Ok(Json(json!({ "aliases": server.store.aliases_of(&room_id).await? })))
}

fn limit(server: &Shared, requester: &Requester) -> ApiResult<()> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())
}

/// Whether the kind of the room allows that it is listed: also in an application service's list.
pub(super) fn check_may_be_published(server: &Server, view: &RoomView) -> ApiResult<()> {
    if server.config.rooms.access_rules {
        AccessRules::of(view).may_be_published()?;
    }
    Ok(())
}

/// `GET /_matrix/client/v3/directory/list/room/{roomId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3directorylistroomroomid>
async fn visibility(
    State(server): State<Shared>,
    Path(room_id): Path<RoomId>,
) -> ApiResult<Json<Value>> {
    // Anybody may ask: a room that does not exist is as private as one that nobody is told of.
    let listed = server.store.is_public(&room_id).await?.unwrap_or_default();
    Ok(Json(json!({ "visibility": if listed { "public" } else { "private" } })))
}

#[derive(Debug, Default, Deserialize)]
struct VisibilityBody {
    visibility: Option<String>,
}

/// `PUT /_matrix/client/v3/directory/list/room/{roomId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3directorylistroomroomid>
async fn set_visibility(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<RoomId>,
    OptionalJson(body): OptionalJson<VisibilityBody>,
) -> ApiResult<Response> {
    limit(&server, &requester)?;
    requester.check_not_suspended()?;
    let public = match body.visibility.as_deref() {
        None | Some("public") => true,
        Some("private") => false,
        Some(_) => return Err(ApiError::invalid_param("`visibility` is `public` or `private`.")),
    };
    let room = known_room(&server, Some(&requester.user_id), &room_id).await?;
    let room = room.ok_or_else(|| ApiError::not_found("There is no such room here."))?;
    if !manages(&room.snapshot().view, &requester.user_id) {
        return Err(ApiError::forbidden("You may not decide whether this room is listed."));
    }
    if public {
        check_may_be_published(&server, &room.snapshot().view)?;
    }
    server.store.set_public(&room_id, public).await?;
    Ok(empty_object())
}

#[derive(Debug, Default, Deserialize)]
struct DirectoryQuery {
    limit: Option<usize>,
    since: Option<String>,
    server: Option<String>,
}

/// `GET /_matrix/client/v3/publicRooms`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3publicrooms>
async fn public_rooms(
    State(server): State<Shared>,
    requester: ApiResult<Requester>,
    Query(query): Query<DirectoryQuery>,
) -> ApiResult<Response> {
    let user_id = optional(requester)?;
    let wanted = SearchBody { limit: query.limit, since: query.since, ..SearchBody::default() };
    page(&server, user_id.as_ref(), query.server.as_deref(), &wanted).await
}

#[derive(Debug, Default, Deserialize)]
struct SearchBody {
    limit: Option<usize>,
    since: Option<String>,
    #[serde(default)]
    filter: SearchFilter,
    third_party_instance_id: Option<String>,
    #[serde(default)]
    include_all_networks: bool,
}

impl SearchBody {
    /// The list that is asked for: instances of networks are named by [`super::third_party`].
    fn list(&self) -> RoomList {
        let instance = self.third_party_instance_id.as_deref().filter(|text| !text.is_empty());
        match instance.map(|text| text.split_once('|').unwrap_or((text, ""))) {
            Some((appservice_id, network_id)) => RoomList::Network {
                appservice_id: appservice_id.to_owned(),
                network_id: network_id.to_owned(),
            },
            None if self.include_all_networks => RoomList::All,
            None => RoomList::Own,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
struct SearchFilter {
    generic_search_term: Option<String>,
    room_types: Option<Vec<Option<String>>>,
}

/// `POST /_matrix/client/v3/publicRooms`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3publicrooms>
async fn search_public_rooms(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<DirectoryQuery>,
    OptionalJson(body): OptionalJson<SearchBody>,
) -> ApiResult<Response> {
    page(&server, Some(&requester.user_id), query.server.as_deref(), &body).await
}

/// A page of the list; for guests a list without rooms, which is no error.
async fn page(
    server: &Shared,
    reader: Option<&UserId>,
    of: Option<&str>,
    wanted: &SearchBody,
) -> ApiResult<Response> {
    if of.is_some_and(|of| of != server.server_name.as_str()) {
        return Err(ApiError::not_found("This server does not reach other servers' directories."));
    }
    let since = match wanted.since.as_deref().filter(|since| !since.is_empty()) {
        None => 0,
        Some(since) => since
            .strip_prefix('o')
            .and_then(|offset| offset.parse::<usize>().ok())
            .ok_or_else(|| ApiError::invalid_param("`since` is no token of this server."))?,
    };
    let limit = wanted.limit.unwrap_or(DIRECTORY_PAGE_MAX).clamp(1, DIRECTORY_PAGE_MAX);
    let mut rooms = Vec::new();
    if guests::may_see_published(server, reader).await? {
        rooms = server.store.public_rooms(wanted.list()).await?;
    }
    let term = wanted.filter.generic_search_term.as_deref().map(str::to_lowercase);
    let found: Vec<&PublicRoom> = rooms
        .iter()
        .filter(|room| passes(&Summary::of_row(room), term.as_deref(), &wanted.filter))
        .collect();
    let mut out = String::new();
    let mut answer = ObjectWriter::open(&mut out);
    let chunk = found.iter().skip(since).take(limit).map(|room| {
        let mut out = String::new();
        let mut object = ObjectWriter::open(&mut out);
        write_summary(&mut object, &Summary::of_row(room));
        object.close();
        out
    });
    array(answer.key("chunk"), chunk);
    if since + limit < found.len() {
        answer.text("next_batch", &format!("o{}", since + limit));
    }
    if since > 0 {
        answer.text("prev_batch", &format!("o{}", since.saturating_sub(limit)));
    }
    answer.display("total_room_count_estimate", found.len());
    answer.close();
    Ok(json_response(StatusCode::OK, out))
}

fn passes(room: &Summary<'_>, term: Option<&str>, filter: &SearchFilter) -> bool {
    let kind = room.text("m.room.create", "type");
    let of_type = |wanted: &Vec<Option<String>>| wanted.iter().any(|w| w.as_deref() == kind);
    let texts = [
        room.text("m.room.name", "name"),
        room.text("m.room.topic", "topic"),
        room.text("m.room.canonical_alias", "alias"),
    ];
    let has = |term: &str| texts.iter().flatten().any(|text| text.to_lowercase().contains(term));
    filter.room_types.as_ref().is_none_or(of_type) && term.is_none_or(has)
}

#[cfg(test)]
mod tests;

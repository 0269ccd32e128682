// SPDX-License-Identifier: Apache-2.0
//! `/room_keys/keys`: the room keys of a backup, all, by room, or one.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};
use estafette_core::limits::ID_BYTES_MAX;
use estafette_store::{
    KeyBackupStore as _,
    key_backup::{BackedUpSession, BackupPut, BackupScope},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{parse_version, state, unknown_version};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, Query, json_response},
    rate_limit::Cost,
    sync::writer::ObjectWriter,
};

/// Which backup.
#[derive(Debug, Deserialize)]
pub(super) struct VersionQuery {
    version: Option<String>,
}

impl VersionQuery {
    fn version(&self) -> ApiResult<u64> {
        let version = self.version.as_deref();
        parse_version(version.ok_or_else(|| ApiError::missing_param("`version` is missing."))?)
    }
}

/// `KeyBackupData` of the specification.
#[derive(Debug, Deserialize)]
pub(super) struct SessionBody {
    first_message_index: i64,
    forwarded_count: i64,
    is_verified: bool,
    session_data: Box<RawValue>,
}

/// `RoomKeyBackup` of the specification.
#[derive(Debug, Deserialize)]
pub(super) struct RoomBody {
    sessions: BTreeMap<String, SessionBody>,
}

/// The keys of several rooms.
#[derive(Debug, Deserialize)]
pub(super) struct RoomsBody {
    rooms: BTreeMap<String, RoomBody>,
}

fn session(room_id: &str, session_id: String, body: SessionBody) -> ApiResult<BackedUpSession> {
    if [room_id, &session_id].into_iter().any(|id| id.is_empty() || id.len() > ID_BYTES_MAX) {
        return Err(ApiError::invalid_param("The id of a room or session is empty or too long."));
    }
    if body.first_message_index < 0 || body.forwarded_count < 0 {
        return Err(ApiError::invalid_param("An index or a count is below zero."));
    }
    // An object for the algorithm that the specification has; others may have another form.
    if !body.session_data.get().starts_with(['{', '"']) {
        return Err(ApiError::bad_json("`session_data` is neither an object nor a string."));
    }
    Ok(BackedUpSession {
        room_id: room_id.to_owned(),
        session_id,
        first_message_index: body.first_message_index,
        forwarded_count: body.forwarded_count,
        is_verified: body.is_verified,
        session_data: String::from(Box::<str>::from(body.session_data)),
    })
}

async fn put(
    server: &Shared,
    requester: &Requester,
    query: &VersionQuery,
    sessions: ApiResult<Vec<BackedUpSession>>,
) -> ApiResult<Json<Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let (version, sessions) = (query.version()?, sessions?);
    match server.store.put_backup_sessions(&requester.user_id, version, sessions).await? {
        BackupPut::Stored(now) => Ok(state(now)),
        BackupPut::NotFound => Err(unknown_version()),
        BackupPut::WrongVersion(current) => {
            let sentence = "This is not the current version of the backup.";
            Err(ApiError::new(StatusCode::FORBIDDEN, "M_WRONG_ROOM_KEYS_VERSION", sentence)
                .with("current_version", current.to_string()))
        }
    }
}

/// `PUT /_matrix/client/v3/room_keys/keys`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeys>
pub(super) async fn put_all(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<VersionQuery>,
    Json(body): Json<RoomsBody>,
) -> ApiResult<Json<Value>> {
    let rooms = body.rooms.into_iter().flat_map(|(room_id, room)| {
        room.sessions.into_iter().map(move |(id, body)| session(&room_id, id, body))
    });
    put(&server, &requester, &query, rooms.collect()).await
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomid>
pub(super) async fn put_room(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<String>,
    Query(query): Query<VersionQuery>,
    Json(body): Json<RoomBody>,
) -> ApiResult<Json<Value>> {
    let sessions = body.sessions.into_iter().map(|(id, body)| session(&room_id, id, body));
    put(&server, &requester, &query, sessions.collect()).await
}

/// `PUT /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keyskeysroomidsessionid>
pub(super) async fn put_one(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, session_id)): Path<(String, String)>,
    Query(query): Query<VersionQuery>,
    Json(body): Json<SessionBody>,
) -> ApiResult<Json<Value>> {
    let session = session(&room_id, session_id, body);
    put(&server, &requester, &query, session.map(|session| vec![session])).await
}

async fn get(
    server: &Shared,
    requester: &Requester,
    query: &VersionQuery,
    scope: BackupScope,
) -> ApiResult<Vec<BackedUpSession>> {
    let version = query.version()?;
    let sessions = server.store.backup_sessions(&requester.user_id, version, scope).await?;
    sessions.ok_or_else(unknown_version)
}

fn write_session(into: &mut ObjectWriter<'_>, session: &BackedUpSession) {
    into.display("first_message_index", session.first_message_index);
    into.display("forwarded_count", session.forwarded_count);
    into.display("is_verified", session.is_verified);
    into.raw("session_data", &session.session_data);
}

fn write_sessions(into: &mut ObjectWriter<'_>, sessions: &[BackedUpSession]) {
    let mut all = into.object("sessions");
    for session in sessions {
        let mut one = all.object(&session.session_id);
        write_session(&mut one, session);
        one.close();
    }
    all.close();
}

fn answer(write: impl FnOnce(&mut ObjectWriter<'_>)) -> Response {
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    write(&mut answer);
    answer.close();
    json_response(StatusCode::OK, json)
}

/// `GET /_matrix/client/v3/room_keys/keys`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeys>
pub(super) async fn get_all(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<VersionQuery>,
) -> ApiResult<Response> {
    let sessions = get(&server, &requester, &query, BackupScope::All).await?;
    Ok(answer(|answer| {
        let mut rooms = answer.object("rooms");
        for of_room in sessions.chunk_by(|one, next| one.room_id == next.room_id) {
            let Some(first) = of_room.first() else { continue };
            let mut room = rooms.object(&first.room_id);
            write_sessions(&mut room, of_room);
            room.close();
        }
        rooms.close();
    }))
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomid>
pub(super) async fn get_room(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<String>,
    Query(query): Query<VersionQuery>,
) -> ApiResult<Response> {
    let sessions = get(&server, &requester, &query, BackupScope::Room(room_id)).await?;
    Ok(answer(|answer| write_sessions(answer, &sessions)))
}

/// `GET /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keyskeysroomidsessionid>
pub(super) async fn get_one(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, session_id)): Path<(String, String)>,
    Query(query): Query<VersionQuery>,
) -> ApiResult<Response> {
    let scope = BackupScope::Session(room_id, session_id);
    match get(&server, &requester, &query, scope).await?.first() {
        Some(session) => Ok(answer(|answer| write_session(answer, session))),
        None => Err(ApiError::not_found("There is no such key in the backup.")),
    }
}

async fn delete(
    server: &Shared,
    requester: &Requester,
    query: &VersionQuery,
    scope: BackupScope,
) -> ApiResult<Json<Value>> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let version = query.version()?;
    let now = server.store.delete_backup_sessions(&requester.user_id, version, scope).await?;
    now.map(state).ok_or_else(unknown_version)
}

/// `DELETE /_matrix/client/v3/room_keys/keys`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeys>
pub(super) async fn delete_all(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<VersionQuery>,
) -> ApiResult<Json<Value>> {
    delete(&server, &requester, &query, BackupScope::All).await
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomid>
pub(super) async fn delete_room(
    State(server): State<Shared>,
    requester: Requester,
    Path(room_id): Path<String>,
    Query(query): Query<VersionQuery>,
) -> ApiResult<Json<Value>> {
    delete(&server, &requester, &query, BackupScope::Room(room_id)).await
}

/// `DELETE /_matrix/client/v3/room_keys/keys/{roomId}/{sessionId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keyskeysroomidsessionid>
pub(super) async fn delete_one(
    State(server): State<Shared>,
    requester: Requester,
    Path((room_id, session_id)): Path<(String, String)>,
    Query(query): Query<VersionQuery>,
) -> ApiResult<Json<Value>> {
    delete(&server, &requester, &query, BackupScope::Session(room_id, session_id)).await
}

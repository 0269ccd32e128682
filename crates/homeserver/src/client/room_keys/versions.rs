// SPDX-License-Identifier: Apache-2.0
//! `/room_keys/version`: which backups there are.

use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use estafette_core::{ids::UserId, limits::ID_BYTES_MAX};
use estafette_store::{
    KeyBackupStore as _,
    key_backup::{BackupUpdate, KeyBackup},
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{parse_version, unknown_version};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Json, Path, empty_object, json_response},
    rate_limit::Cost,
    sync::writer::ObjectWriter,
};

/// The algorithm that the specification has ("Server-side key backups").
const MEGOLM_BACKUP: &str = "m.megolm_backup.v1.curve25519-aes-sha2";

/// The body that makes or changes a version.
#[derive(Debug, Deserialize)]
pub(super) struct VersionBody {
    algorithm: String,
    auth_data: Box<RawValue>,
    version: Option<VersionName>,
}

/// A text; some clients send the number that it is.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum VersionName {
    Text(String),
    Number(u64),
}

impl VersionName {
    fn is(&self, version: &str) -> bool {
        match self {
            Self::Text(text) => text == version,
            Self::Number(number) => number.to_string() == version,
        }
    }
}

impl VersionBody {
    fn check(&self) -> ApiResult<()> {
        if self.algorithm.is_empty() || self.algorithm.len() > ID_BYTES_MAX {
            return Err(ApiError::invalid_param("`algorithm` is empty or too long."));
        }
        // Of other algorithms nobody but their clients knows what their data are.
        if self.algorithm == MEGOLM_BACKUP && !self.auth_data.get().starts_with('{') {
            return Err(ApiError::bad_json("`auth_data` is not an object."));
        }
        Ok(())
    }
}

/// `POST /_matrix/client/v3/room_keys/version`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3room_keysversion>
pub(super) async fn create(
    State(server): State<Shared>,
    requester: Requester,
    Json(body): Json<VersionBody>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    body.check()?;
    let auth_data = body.auth_data.get().to_owned();
    let version = server.store.create_backup(&requester.user_id, body.algorithm, auth_data).await?;
    Ok(Json(json!({ "version": version.to_string() })).into_response())
}

/// `GET /_matrix/client/v3/room_keys/version`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversion>
pub(super) async fn current(
    State(server): State<Shared>,
    requester: Requester,
) -> ApiResult<Response> {
    answer(&server, &requester.user_id, None).await
}

/// `GET /_matrix/client/v3/room_keys/version/{version}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3room_keysversionversion>
pub(super) async fn version(
    State(server): State<Shared>,
    requester: Requester,
    Path(version): Path<String>,
) -> ApiResult<Response> {
    answer(&server, &requester.user_id, Some(parse_version(&version)?)).await
}

async fn answer(server: &Shared, user_id: &UserId, version: Option<u64>) -> ApiResult<Response> {
    let backup = server.store.backup(user_id, version).await?;
    let KeyBackup { version, algorithm, auth_data, state } = match backup {
        Some(backup) => backup,
        None if version.is_none() => return Err(ApiError::not_found("There is no backup.")),
        None => return Err(unknown_version()),
    };
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    answer.text("algorithm", &algorithm);
    answer.raw("auth_data", &auth_data);
    answer.display("count", state.count);
    answer.text("etag", &state.etag.to_string());
    answer.text("version", &version.to_string());
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

/// `PUT /_matrix/client/v3/room_keys/version/{version}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3room_keysversionversion>
pub(super) async fn update(
    State(server): State<Shared>,
    requester: Requester,
    Path(version): Path<String>,
    Json(body): Json<VersionBody>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    body.check()?;
    if body.version.as_ref().is_some_and(|in_body| !in_body.is(&version)) {
        return Err(ApiError::invalid_param("`version` is not the version in the path."));
    }
    let version = parse_version(&version)?;
    let auth_data = body.auth_data.get().to_owned();
    let user_id = &requester.user_id;
    match server.store.update_backup(user_id, version, body.algorithm, auth_data).await? {
        BackupUpdate::Updated => Ok(empty_object()),
        BackupUpdate::NotFound => Err(unknown_version()),
        BackupUpdate::OtherAlgorithm => {
            Err(ApiError::invalid_param("`algorithm` is not the algorithm of the backup."))
        }
    }
}

/// `DELETE /_matrix/client/v3/room_keys/version/{version}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3room_keysversionversion>
pub(super) async fn delete(
    State(server): State<Shared>,
    requester: Requester,
    Path(version): Path<String>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    if server.store.delete_backup(&requester.user_id, parse_version(&version)?).await? {
        Ok(empty_object())
    } else {
        Err(unknown_version())
    }
}

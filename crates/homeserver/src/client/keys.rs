// SPDX-License-Identifier: Apache-2.0
//! Publishing, querying and claiming keys (Client-Server API, "Key management API").

mod check;
mod claim;
mod query;
mod signing;

use std::collections::BTreeSet;

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::{
    ids::{DeviceId, UserId},
    limits::ID_BYTES_MAX,
};
use estafette_store::{
    KeyStore as _,
    keys::{KeyUploadOutcome, OneTimeKeyState},
};
use http::StatusCode;
use serde::Deserialize;

pub(super) use self::{check::check_upload, signing::reset_url};
use super::{content::Content, v3};
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{Query, json_response},
    rate_limit::Cost,
    sync::{Reader, Token, devices, writer::ObjectWriter},
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = signing::routes();
    router = v3(router, "/keys/upload", post(upload));
    router = v3(router, "/keys/query", post(query::query));
    router = v3(router, "/keys/claim", post(claim::claim));
    v3(router, "/keys/changes", get(changes))
}

/// The device that asks; an application service without one has no keys of its own.
pub(super) fn own_device(requester: &Requester) -> ApiResult<&DeviceId> {
    let device = requester.device.as_ref().map(|device| &device.device_id);
    device.ok_or_else(|| ApiError::invalid_param("This request needs a device."))
}

/// Whether this server answers for the user.
pub(super) fn is_local(server: &Shared, user_id: &UserId) -> bool {
    user_id.server_name() == server.server_name.as_str()
}

/// `failures` of a request that concerns users of other servers.
fn write_failures(answer: &mut ObjectWriter<'_>, servers: &BTreeSet<String>) {
    let mut failures = answer.object("failures");
    for server in servers {
        let mut failure = failures.object(server);
        failure.text("errcode", "M_UNREACHABLE");
        failure.text("error", "This server does not talk to other servers yet.");
        failure.close();
    }
    failures.close();
}

/// `POST /_matrix/client/v3/keys/upload`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3keysupload>. Everything is
/// checked, signatures included, before anything is stored.
async fn upload(
    State(server): State<Shared>,
    requester: Requester,
    Content(body): Content,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    let device_id = own_device(&requester)?;
    let upload = check_upload(&server, &requester.user_id, device_id, &body).await?;
    match server.store.upload_keys(&requester.user_id, device_id, upload).await? {
        KeyUploadOutcome::Stored(state) => Ok(counts(&state)),
        KeyUploadOutcome::UnknownDevice => Err(ApiError::unknown_token()),
        KeyUploadOutcome::KeyIdInUse(name) => Err(ApiError::invalid_param(format!(
            "Another one-time key waits under the name `{name}`."
        ))),
        KeyUploadOutcome::TooManyKeys(algorithm) => Err(too_many_keys(&algorithm)),
    }
}

/// MSC4225 asks for first in, first out, so that nothing can be dropped for new keys.
pub(super) fn too_many_keys(algorithm: &str) -> ApiError {
    ApiError::invalid_param(format!("Too many one-time keys of `{algorithm}` wait already."))
}

fn counts(state: &OneTimeKeyState) -> Response {
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    let mut counts = answer.object("one_time_key_counts");
    for (algorithm, count) in &state.counts {
        counts.display(algorithm, count);
    }
    counts.close();
    answer.close();
    json_response(StatusCode::OK, json)
}

#[derive(Debug, Deserialize)]
struct ChangesQuery {
    from: Option<String>,
    to: Option<String>,
}

/// `GET /_matrix/client/v3/keys/changes`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges>. The same set
/// that the syncs from `from` on tell (E6). `to` is a hint: what happened since is told as well,
/// since a change that is told twice is harmless.
async fn changes(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<ChangesQuery>,
) -> ApiResult<Response> {
    let token = |name: &str, text: Option<String>| -> ApiResult<Token> {
        let text = text.ok_or_else(|| ApiError::missing_param(format!("`{name}` is missing.")))?;
        let wrong = |_| ApiError::invalid_param(format!("`{name}` is not a sync token."));
        text.parse().map_err(wrong)
    };
    let from = token("from", query.from)?;
    token("to", query.to)?;
    let user = server.notifier.user(&server.store, &requester.user_id).await?;
    let head = server.notifier.head();
    let rooms: Vec<_> = user.rooms().into_keys().collect();
    let reader = Reader { server, user, device_id: None, device_nid: None, head };
    let lists = devices::device_lists(&reader, from.pos, &rooms).await?;
    let mut json = String::new();
    let mut answer = ObjectWriter::open(&mut json);
    for (name, users) in [("changed", &lists.changed), ("left", &lists.left)] {
        let users: Vec<_> = users.iter().map(UserId::as_str).collect();
        answer.raw(name, &serde_json::to_string(&users).map_err(ApiError::internal)?);
    }
    answer.close();
    Ok(json_response(StatusCode::OK, json))
}

/// A user id in the keys of a request's object.
pub(super) fn parse_user(text: &str) -> ApiResult<UserId> {
    let wrong = |error| {
        let start: String = text.chars().take(ID_BYTES_MAX).collect();
        ApiError::invalid_param(format!("`{start}` is no user id: {error}."))
    };
    UserId::parse(text).map_err(wrong)
}

#[cfg(test)]
pub(super) mod tests;

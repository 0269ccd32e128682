// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "User Directory".

use axum::{Router, extract::State, routing::post};
use estafette_core::limits::{DIRECTORY_RESULTS_MAX, DIRECTORY_SEARCH_BYTES_MAX};
use estafette_store::{
    AccountStore as _,
    accounts::{DirectoryEntry, DirectoryQuery},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::v3;
use crate::{ApiError, ApiResult, Shared, auth::Requester, http::Json, rate_limit::Cost};

const LIMIT_DEFAULT: u64 = 10;

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/user_directory/search", post(search))
}

#[derive(Deserialize)]
struct Search {
    search_term: String,
    limit: Option<u64>,
}

/// `POST /_matrix/client/v3/user_directory/search`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch>
async fn search(
    State(server): State<Shared>,
    requester: Requester,
    Json(request): Json<Search>,
) -> ApiResult<Json<Value>> {
    let who = format!("search of {}", requester.user_id);
    server.rate_limiter.check(Cost::Write, &who, server.now_ms())?;
    if request.search_term.len() > DIRECTORY_SEARCH_BYTES_MAX {
        return Err(ApiError::invalid_param("`search_term` is too long."));
    }
    server.search_budgets.take(&server, &requester.user_id).await?;
    let limit = request.limit.unwrap_or(LIMIT_DEFAULT).min(DIRECTORY_RESULTS_MAX);
    let query = DirectoryQuery {
        text: request.search_term,
        searcher: requester.user_id.clone(),
        visible_only: !server.config.user_directory.search_all_users,
        limit,
        now_ms: server.now_ms(),
    };
    let found = server.store.search_directory(query).await?;
    server.search_budgets.charge(&requester.user_id, found.entries.len());
    let results: Vec<Value> = found.entries.iter().map(describe).collect();
    Ok(Json(json!({ "results": results, "limited": found.limited })))
}

fn describe(entry: &DirectoryEntry) -> Value {
    let mut body = json!({ "user_id": entry.user_id });
    if let Some(members) = body.as_object_mut() {
        if let Some(name) = &entry.displayname {
            members.insert("display_name".into(), json!(name));
        }
        if let Some(avatar_url) = &entry.avatar_url {
            members.insert("avatar_url".into(), json!(avatar_url));
        }
    }
    body
}

#[cfg(test)]
mod tests;

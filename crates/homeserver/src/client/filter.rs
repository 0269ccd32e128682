// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Filtering": saving filters and reading them back.

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::filter::{Filter, FilterError};
use estafette_store::{AccountDataStore as _, account_data::SaveFilterOutcome};
use http::StatusCode;
use serde_json::json;

use super::account_data::check_owner;
use crate::{
    ApiError, ApiResult, Shared,
    auth::Requester,
    http::{BodyBytes, Path, json_response},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    ["r0", "v3"].into_iter().fold(Router::new(), |router, version| {
        let user = format!("/_matrix/client/{version}/user/{{user_id}}");
        router
            .route(&format!("{user}/filter"), post(define_filter))
            .route(&format!("{user}/filter/{{filter_id}}"), get(get_filter))
    })
}

/// `POST /_matrix/client/v3/user/{userId}/filter`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3useruseridfilter>
async fn define_filter(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    BodyBytes(body): BodyBytes,
) -> ApiResult<Response> {
    check_owner(&requester, &user_id)?;
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    Filter::parse(&body).map_err(refused)?;
    let json = std::str::from_utf8(&body).map_err(|_| ApiError::not_json())?.trim();
    match server.store.save_filter(&requester.user_id, json).await? {
        SaveFilterOutcome::Saved(id) => {
            let answer = json!({ "filter_id": id.to_string() }).to_string();
            Ok(json_response(StatusCode::OK, answer))
        }
        SaveFilterOutcome::TooMany => {
            Err(ApiError::forbidden("The account has as many filters as it may have."))
        }
    }
}

/// `GET /_matrix/client/v3/user/{userId}/filter/{filterId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3useruseridfilterfilterid>
async fn get_filter(
    State(server): State<Shared>,
    requester: Requester,
    Path((user_id, filter_id)): Path<(String, String)>,
) -> ApiResult<Response> {
    check_owner(&requester, &user_id)?;
    let unknown = || ApiError::not_found("There is no such filter.");
    let filter_id = filter_id.parse().map_err(|_| unknown())?;
    let json = server.store.filter(&requester.user_id, filter_id).await?.ok_or_else(unknown)?;
    Ok(json_response(StatusCode::OK, json))
}

/// The Matrix error for a filter that cannot be used.
fn refused(error: FilterError) -> ApiError {
    match error {
        FilterError::TooLarge => ApiError::too_large("The filter is too large."),
        FilterError::NotJson => ApiError::not_json(),
        FilterError::Shape(_) => ApiError::bad_json(error.to_string()),
    }
}

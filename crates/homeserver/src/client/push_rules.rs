// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Push Rules: API". The rules themselves are in `core::push_rules`; they are
//! stored as the user's changes to the defaults, in the account data `m.push_rules`.

use axum::{Router, extract::State, response::Response, routing::get};
use estafette_core::{
    ids::{RoomId, UserId},
    push_rules::{
        Defaults, PushRuleError, RuleBody, RuleKind, RuleSet,
        edit::{Place, parse_actions},
    },
};
use estafette_store::{AccountDataStore as _, Position, StoreResult, account_data::SetOutcome};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ApiError, ApiResult, Server, Shared,
    auth::Requester,
    http::{Json, Path, Query, empty_object, json_response},
    rate_limit::Cost,
};

/// The type of the account data that holds push rules.
pub(crate) const KIND: &str = "m.push_rules";
/// Which of the server's rules there are.
const DEFAULTS: Defaults = Defaults::ALL;
/// How often an edit is tried again when the rules changed under it.
const EDIT_TRIES: u32 = 8;

pub(super) fn routes() -> Router<Shared> {
    ["r0", "v3"].into_iter().fold(Router::new(), |router, version| {
        let rules = format!("/_matrix/client/{version}/pushrules");
        let rule = format!("{rules}/global/{{kind}}/{{rule_id}}");
        router
            // Old clients leave out the slash at the end.
            .route(&rules, get(get_push_rules))
            .route(&format!("{rules}/"), get(get_push_rules))
            .route(&format!("{rules}/global"), get(get_push_rules_global))
            .route(&format!("{rules}/global/"), get(get_push_rules_global))
            // Not in the specification any more; older clients and tools ask for it.
            .route(&format!("{rules}/global/{{kind}}/"), get(get_push_rules_of_kind))
            .route(&rule, get(get_push_rule).put(set_push_rule).delete(delete_push_rule))
            .route(&format!("{rule}/enabled"), get(is_enabled).put(set_enabled))
            .route(&format!("{rule}/actions"), get(get_actions).put(set_actions))
    })
}

/// A user's rules, and when they last changed.
pub(crate) struct Loaded {
    /// The rules.
    pub(crate) rule_set: RuleSet,
    pos: Position,
}

/// The push rules of a user.
pub(crate) async fn load(server: &Server, user_id: &UserId) -> ApiResult<Loaded> {
    let data = server.store.account_data(user_id, None, KIND).await?;
    let pos = data.as_ref().map_or(Position(0), |data| data.pos);
    let rule_set = match data.and_then(|data| data.content) {
        None => server.default_rules.clone(),
        Some(stored) => read_stored(server, &stored)?,
    };
    Ok(Loaded { rule_set, pos })
}

/// A user's rules where the user changed any and they can be read.
pub(crate) async fn stored(server: &Server, user_id: &UserId) -> StoreResult<Option<RuleSet>> {
    let data = server.store.account_data(user_id, None, KIND).await?;
    let content = data.and_then(|data| data.content);
    Ok(content.and_then(|content| read_stored(server, &content).ok()))
}

/// Rules from the content of the stored account data.
fn read_stored(server: &Server, stored: &str) -> ApiResult<RuleSet> {
    let stored: Value = serde_json::from_str(stored).map_err(ApiError::internal)?;
    if stored.as_object().is_some_and(serde_json::Map::is_empty) {
        return Ok(server.default_rules.clone());
    }
    RuleSet::from_stored(&stored, DEFAULTS).map_err(ApiError::internal)
}

/// The content of `m.push_rules` as clients see it. Rules that cannot be read any more are shown as
/// the defaults: a sync must not fail for ever because of them.
pub(super) fn shown(server: &Server, user_id: &UserId, stored: Option<&str>) -> String {
    let rules = stored.and_then(|stored| read_stored(server, stored).ok());
    rules.as_ref().unwrap_or(&server.default_rules).to_json(user_id.as_str()).to_string()
}

/// Copies a user's rules for a room to the room that replaces it, for room upgrades.
pub(crate) async fn room_replaced(
    server: &Server,
    user_id: &UserId,
    old: &RoomId,
    new: &RoomId,
) -> ApiResult<()> {
    edit(server, user_id, |rules| Ok(rules.with_room_replaced(old.as_str(), new.as_str()))).await
}

/// `GET /_matrix/client/v3/pushrules/`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrules>
async fn get_push_rules(State(server): State<Shared>, requester: Requester) -> ApiResult<Response> {
    let rules = load(&server, &requester.user_id).await?.rule_set;
    Ok(answer(&rules.to_json(requester.user_id.as_str())))
}

/// `GET /_matrix/client/v3/pushrules/global/`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobal>
async fn get_push_rules_global(
    State(server): State<Shared>,
    requester: Requester,
) -> ApiResult<Response> {
    let rules = load(&server, &requester.user_id).await?.rule_set;
    Ok(answer(&rules.global_json(requester.user_id.as_str())))
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/`
async fn get_push_rules_of_kind(
    State(server): State<Shared>,
    requester: Requester,
    Path(kind): Path<String>,
) -> ApiResult<Response> {
    let kind = parse_kind(&kind)?;
    let rules = load(&server, &requester.user_id).await?.rule_set;
    Ok(answer(&rules.kind_json(kind, requester.user_id.as_str())))
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleid>
async fn get_push_rule(
    State(server): State<Shared>,
    requester: Requester,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response> {
    Ok(answer(&rule(&server, &requester, path).await?))
}

#[derive(Debug, Deserialize)]
struct PlaceQuery {
    before: Option<String>,
    after: Option<String>,
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleid>
async fn set_push_rule(
    State(server): State<Shared>,
    requester: Requester,
    Path((kind, rule_id)): Path<(String, String)>,
    Query(place): Query<PlaceQuery>,
    Json(body): Json<Value>,
) -> ApiResult<Response> {
    let kind = parse_kind(&kind)?;
    let body = RuleBody::parse(kind, &body).map_err(refused)?;
    let place = Place { before: place.before.as_deref(), after: place.after.as_deref() };
    change(&server, &requester, |rules| rules.with_rule(kind, &rule_id, body.clone(), place)).await
}

/// `DELETE /_matrix/client/v3/pushrules/global/{kind}/{ruleId}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3pushrulesglobalkindruleid>
async fn delete_push_rule(
    State(server): State<Shared>,
    requester: Requester,
    Path((kind, rule_id)): Path<(String, String)>,
) -> ApiResult<Response> {
    let kind = parse_kind(&kind)?;
    change(&server, &requester, |rules| rules.without_rule(kind, &rule_id)).await
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidenabled>
async fn is_enabled(
    State(server): State<Shared>,
    requester: Requester,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response> {
    let rule = rule(&server, &requester, path).await?;
    Ok(answer(&json!({ "enabled": rule.get("enabled") })))
}

#[derive(Debug, Deserialize)]
struct Enabled {
    enabled: bool,
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/enabled`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidenabled>
async fn set_enabled(
    State(server): State<Shared>,
    requester: Requester,
    Path((kind, rule_id)): Path<(String, String)>,
    Json(body): Json<Enabled>,
) -> ApiResult<Response> {
    let kind = parse_kind(&kind)?;
    change(&server, &requester, |rules| rules.with_enabled(kind, &rule_id, body.enabled)).await
}

/// `GET /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3pushrulesglobalkindruleidactions>
async fn get_actions(
    State(server): State<Shared>,
    requester: Requester,
    Path(path): Path<(String, String)>,
) -> ApiResult<Response> {
    let rule = rule(&server, &requester, path).await?;
    Ok(answer(&json!({ "actions": rule.get("actions") })))
}

/// `PUT /_matrix/client/v3/pushrules/global/{kind}/{ruleId}/actions`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3pushrulesglobalkindruleidactions>
async fn set_actions(
    State(server): State<Shared>,
    requester: Requester,
    Path((kind, rule_id)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> ApiResult<Response> {
    let kind = parse_kind(&kind)?;
    let actions = parse_actions(&body).map_err(refused)?;
    change(&server, &requester, |rules| rules.with_actions(kind, &rule_id, actions.clone())).await
}

async fn rule(
    server: &Server,
    requester: &Requester,
    (kind, rule_id): (String, String),
) -> ApiResult<Value> {
    let kind = parse_kind(&kind)?;
    let rules = load(server, &requester.user_id).await?.rule_set;
    rules
        .rule_json(kind, &rule_id, requester.user_id.as_str())
        .ok_or_else(|| refused(PushRuleError::NotFound))
}

async fn change(
    server: &Server,
    requester: &Requester,
    change: impl Fn(&RuleSet) -> Result<RuleSet, PushRuleError>,
) -> ApiResult<Response> {
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    edit(server, &requester.user_id, |rules| change(rules).map_err(refused)).await?;
    Ok(empty_object())
}

/// Reads, changes and writes a user's rules, again when somebody else was quicker.
async fn edit(
    server: &Server,
    user_id: &UserId,
    change: impl Fn(&RuleSet) -> ApiResult<RuleSet>,
) -> ApiResult<()> {
    for _ in 0..EDIT_TRIES {
        let loaded = load(server, user_id).await?;
        let stored = change(&loaded.rule_set)?.to_stored(DEFAULTS).to_string();
        let since = Some(loaded.pos);
        match server.store.set_account_data(user_id, None, KIND, Some(&stored), since).await? {
            SetOutcome::Set(_) => return Ok(()),
            SetOutcome::Changed => {}
            SetOutcome::TooMany => return Err(super::account_data::too_many()),
        }
    }
    Err(ApiError::overloaded())
}

fn answer(json: &Value) -> Response {
    json_response(StatusCode::OK, json.to_string())
}

fn parse_kind(kind: &str) -> ApiResult<RuleKind> {
    RuleKind::parse(kind)
        .ok_or_else(|| ApiError::invalid_param(format!("There is no kind of rule `{kind}`.")))
}

fn refused(error: PushRuleError) -> ApiError {
    let message = error.to_string();
    match error {
        PushRuleError::NotFound => ApiError::not_found(message),
        PushRuleError::RelativeRuleNotFound { .. } => {
            ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message)
        }
        PushRuleError::ReservedRuleId | PushRuleError::InvalidRuleId => {
            ApiError::invalid_param(message)
        }
        PushRuleError::BadProperty { .. } => ApiError::bad_json(message),
        PushRuleError::TooLarge { .. } => ApiError::too_large(message),
    }
}

#[cfg(test)]
mod tests;

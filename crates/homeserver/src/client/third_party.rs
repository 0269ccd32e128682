// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Third-party Networks": what application services know of other networks.
//!
//! Their answers are passed on item by item, and only items of the specified shape: an application
//! service that errs does not spoil what others say.

use axum::{
    Router,
    extract::{RawQuery, State},
    routing::get,
};
use estafette_core::limits::APPSERVICE_QUERY_TIMEOUT_S;
use futures_util::future::join_all;
use http::Method;
use serde_json::{Map, Value, json};

use super::v3;
use crate::{
    ApiError, ApiResult, Server, Shared,
    appservice::{
        Registration,
        request::{encode, send},
    },
    auth::Requester,
    http::{Json, Path},
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let mut router = v3(Router::new(), "/thirdparty/protocols", get(protocols));
    router = v3(router, "/thirdparty/protocol/{protocol}", get(protocol));
    router = v3(router, "/thirdparty/location/{protocol}", get(locations));
    router = v3(router, "/thirdparty/location", get(locations_of_alias));
    router = v3(router, "/thirdparty/user/{protocol}", get(users));
    v3(router, "/thirdparty/user", get(users_of_id))
}

/// `GET /_matrix/client/v3/thirdparty/location/{protocol}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocationprotocol>
async fn locations(
    server: State<Shared>,
    requester: Requester,
    Path(protocol): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Vec<Value>>> {
    look_up(server, requester, Kind::Location, Some(protocol), query).await
}

/// `GET /_matrix/client/v3/thirdparty/location`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartylocation>
async fn locations_of_alias(
    server: State<Shared>,
    requester: Requester,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Vec<Value>>> {
    look_up(server, requester, Kind::Location, None, query).await
}

/// `GET /_matrix/client/v3/thirdparty/user/{protocol}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuserprotocol>
async fn users(
    server: State<Shared>,
    requester: Requester,
    Path(protocol): Path<String>,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Vec<Value>>> {
    look_up(server, requester, Kind::User, Some(protocol), query).await
}

/// `GET /_matrix/client/v3/thirdparty/user`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyuser>
async fn users_of_id(
    server: State<Shared>,
    requester: Requester,
    RawQuery(query): RawQuery,
) -> ApiResult<Json<Vec<Value>>> {
    look_up(server, requester, Kind::User, None, query).await
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Location,
    User,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Location => "location",
            Self::User => "user",
        }
    }

    /// The member that names the Matrix side of an item.
    fn id(self) -> &'static str {
        match self {
            Self::Location => "alias",
            Self::User => "userid",
        }
    }
}

fn limit(server: &Server, requester: &Requester) -> ApiResult<()> {
    // Each request of a client becomes requests to application services.
    let who = format!("third-party networks for {}", requester.user_id);
    server.rate_limiter.check(Cost::Write, &who, server.now_ms())
}

/// `GET /_matrix/client/v3/thirdparty/protocols`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocols>
async fn protocols(
    State(server): State<Shared>,
    requester: Requester,
) -> ApiResult<Json<Map<String, Value>>> {
    limit(&server, &requester)?;
    let mut known: Vec<&str> = server
        .appservices
        .all()
        .iter()
        .flat_map(|appservice| appservice.protocols.iter().map(String::as_str))
        .collect();
    known.sort_unstable();
    known.dedup();
    let mut protocols = Map::new();
    for name in known {
        if let Some(described) = describe(&server, name).await {
            protocols.insert(name.to_owned(), described);
        }
    }
    Ok(Json(protocols))
}

/// `GET /_matrix/client/v3/thirdparty/protocol/{protocol}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3thirdpartyprotocolprotocol>
async fn protocol(
    State(server): State<Shared>,
    requester: Requester,
    Path(name): Path<String>,
) -> ApiResult<Json<Value>> {
    limit(&server, &requester)?;
    let described = describe(&server, &name).await;
    described.map(Json).ok_or_else(|| ApiError::not_found("No such network is known here."))
}

/// What those who speak a protocol say of it; the instances of all of them together.
async fn describe(server: &Server, name: &str) -> Option<Value> {
    let path = format!("/_matrix/app/v1/thirdparty/protocol/{}", encode(name));
    let speakers = speakers(server, Some(name));
    let answers = join_all(speakers.iter().map(|known| ask(server, known, &path))).await;
    let mut all: Option<Map<String, Value>> = None;
    for (speaker, answer) in speakers.iter().zip(answers) {
        let Some(mut answer) = answer.and_then(protocol_object) else { continue };
        let mut instances = answer.remove("instances").unwrap_or_else(|| json!([]));
        name_instances(&speaker.id, &mut instances);
        let described = all.get_or_insert_with(|| {
            answer.insert("instances".into(), Value::Array(Vec::new()));
            answer
        });
        if let (Some(Value::Array(known)), Value::Array(more)) =
            (described.get_mut("instances"), instances)
        {
            known.extend(more.into_iter().filter(Value::is_object));
        }
    }
    all.map(Value::Object)
}

/// Names each instance as lists of rooms ask for it: by its service and its network.
fn name_instances(appservice_id: &str, instances: &mut Value) {
    for instance in instances.as_array_mut().into_iter().flatten() {
        let network_id = instance.get("network_id").and_then(Value::as_str);
        let Some(instance_id) = network_id.map(|id| format!("{appservice_id}|{id}")) else {
            continue;
        };
        if let Some(instance) = instance.as_object_mut() {
            instance.insert("instance_id".into(), instance_id.into());
        }
    }
}

/// A protocol, if it says where it is spoken. What else is missing is passed on as missing.
fn protocol_object(answer: Value) -> Option<Map<String, Value>> {
    let Value::Object(answer) = answer else { return None };
    answer.get("instances").is_some_and(Value::is_array).then_some(answer)
}

/// Asks those who may know, and puts their answers together. Nothing found is 404.
async fn look_up(
    State(server): State<Shared>,
    requester: Requester,
    kind: Kind,
    protocol: Option<String>,
    query: Option<String>,
) -> ApiResult<Json<Vec<Value>>> {
    limit(&server, &requester)?;
    let mut path = format!("/_matrix/app/v1/thirdparty/{}", kind.name());
    if let Some(protocol) = &protocol {
        path.push_str(&format!("/{}", encode(protocol)));
    }
    // What is asked for is the networks' own; the token of the client is not theirs to see.
    let asked = query.unwrap_or_default();
    let asked = asked.split('&').filter(|part| !part.is_empty());
    let asked: Vec<&str> = asked.filter(|part| !is_for_us(part)).collect();
    if !asked.is_empty() {
        path.push_str(&format!("?{}", asked.join("&")));
    }
    let speakers = speakers(&server, protocol.as_deref());
    let answers = join_all(speakers.into_iter().map(|known| ask(&server, known, &path))).await;
    let mut found = Vec::new();
    for answer in answers.into_iter().flatten() {
        if let Value::Array(items) = answer {
            found.extend(items.into_iter().filter(|item| is_item(kind, item)));
        }
    }
    if found.is_empty() {
        return Err(ApiError::not_found("No network knows that."));
    }
    Ok(Json(found))
}

/// Whether a part of a query is this server's own, however it is written.
fn is_for_us(part: &str) -> bool {
    let uri = format!("/?{part}").parse::<http::Uri>().ok();
    let parsed = uri.and_then(|uri| axum::extract::Query::try_from_uri(&uri).ok());
    let parsed: Vec<(String, String)> = parsed.map(|parsed| parsed.0).unwrap_or_default();
    // What cannot be read is not passed on either.
    parsed.is_empty() || parsed.iter().any(|(name, _)| name == "access_token")
}

fn is_item(kind: Kind, item: &Value) -> bool {
    let text = |key: &str| item.get(key).is_some_and(Value::is_string);
    text(kind.id()) && text("protocol") && item.get("fields").is_some_and(Value::is_object)
}

/// The application services that speak a protocol, or any.
fn speakers<'s>(server: &'s Server, protocol: Option<&str>) -> Vec<&'s Registration> {
    let speaks = |known: &&Registration| match protocol {
        Some(name) => known.protocols.iter().any(|known| known == name),
        None => !known.protocols.is_empty(),
    };
    let all = server.appservices.all().iter().map(|known| &**known);
    all.filter(|known| known.url.is_some()).filter(speaks).collect()
}

async fn ask(server: &Server, appservice: &Registration, path: &str) -> Option<Value> {
    let asked = (Method::GET, path);
    let answer = send(server, appservice, asked, String::new(), APPSERVICE_QUERY_TIMEOUT_S).await;
    match answer {
        Ok(answer) if answer.status.is_success() => serde_json::from_slice(&answer.body).ok(),
        Ok(_) => None,
        Err(error) => {
            tracing::debug!(id = appservice.id, %error, "an application service was not asked");
            None
        }
    }
}

#[cfg(test)]
mod tests;

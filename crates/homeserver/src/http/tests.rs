// SPDX-License-Identifier: Apache-2.0
//! The table of all routes, kept true by asking the real router.

mod hidden_rooms;

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, accounts::AccountFlag};
use estafette_testkit::routes::{key, of_router};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use crate::{
    client, synapse_admin,
    testing::{Bridge, TestServer},
};

const ROUTES: &str = include_str!("tests/routes.tsv");
const SPECIFICATION: &str = include_str!("tests/specification.tsv");

/// Endpoints of the specification that this server does not serve, and why.
const ABSENT: &[(&str, &str)] = &[
    ("GET /_matrix/client/v3/login/sso/redirect", "served by the crate of identity"),
    ("GET /_matrix/client/v3/login/sso/redirect/{}", "served by the crate of identity"),
    ("GET /_matrix/client/v1/auth_metadata", "served by the crate of identity"),
];

#[derive(Debug, Clone)]
struct Route {
    method: String,
    path: String,
    auth: String,
    limit: String,
    body: String,
}

impl Route {
    fn template(&self) -> &str {
        self.path.split('?').next().unwrap()
    }

    fn key(&self) -> String {
        key(&self.method, self.template())
    }
}

fn lines(table: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    let lines = table.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines.map(|line| line.split('\t').collect())
}

fn table() -> Vec<Route> {
    lines(ROUTES)
        .map(|columns| {
            let column = |index: usize| columns.get(index).copied().unwrap_or("").to_owned();
            Route {
                method: column(0),
                path: column(1),
                auth: column(2),
                limit: column(3),
                body: column(4),
            }
        })
        .collect()
}

/// The routes that the server has.
fn served(server: &TestServer) -> BTreeSet<String> {
    let router = client::routes(&server.server).merge(synapse_admin::routes());
    let served = of_router(&format!("{router:#?}")).unwrap();
    assert!(served.len() > 250, "the Debug form of the router is read wrongly: {}", served.len());
    served
}

/// The same route under its name since v3.
fn present_name(key: &str) -> String {
    key.replacen("/_matrix/client/r0/", "/_matrix/client/v3/", 1)
}

/// Without it an endpoint could be forgotten, or come without anybody having said who may use it.
#[tokio::test]
async fn every_route_is_in_the_table_and_every_endpoint_of_the_specification_is_served() {
    let server = TestServer::start().await;
    let served: BTreeSet<String> = served(&server).iter().map(|key| present_name(key)).collect();
    let listed: BTreeSet<String> = table().iter().map(Route::key).collect();
    let unlisted: Vec<_> = served.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(
        unlisted.is_empty() && gone.is_empty(),
        "not in the table: {unlisted:#?}\nnot served: {gone:#?}"
    );
    let mut missing = Vec::new();
    let mut specified = BTreeSet::new();
    for columns in lines(SPECIFICATION) {
        let key = key(columns[0], columns[1]);
        specified.insert(key.clone());
        let absent = ABSENT.iter().any(|(absent, _)| *absent == key);
        // Some paths are written with names where others have parameters.
        let serves = |served: &String| matches(served, &key);
        if absent == served.iter().any(serves) {
            missing.push(key);
        }
    }
    assert!(missing.is_empty(), "neither served nor said to be absent, or both: {missing:#?}");
    assert_eq!(specified.len(), 164, "two paths have two bodies each");
    for (absent, _) in ABSENT {
        assert!(specified.contains(*absent), "{absent} is none of the specification's");
    }
}

/// Whether a served route answers a specified one: a parameter takes any word.
fn matches(served: &str, specified: &str) -> bool {
    let (served, specified): (Vec<_>, Vec<_>) =
        (served.split('/').collect(), specified.split('/').collect());
    served.len() == specified.len()
        && served.iter().zip(&specified).all(|(served, specified)| {
            served == specified || (*served == "{}" && !specified.is_empty())
        })
}

/// A server with everything that the paths of the table name.
struct World {
    server: TestServer,
    _bridge: Bridge,
    room: String,
    event: String,
}

impl World {
    async fn start(change: impl FnOnce(&mut crate::config::Config)) -> Self {
        let bridge = Bridge::start().await;
        let file = bridge.registration("");
        let server = TestServer::with(|config| {
            config.appservices.registrations = vec![file];
            config.registration.shared_secret = "shared".into();
            config.registration.token = "word".into();
            config.presence.enabled = true;
            change(config);
        })
        .await;
        let room = server.room("@a:x.fr", json!({ "preset": "public_chat" })).await;
        let event = server.say("@a:x.fr", &room, "hello").await;
        let data = "/v3/user/@a:x.fr/account_data/type";
        server.put("@a:x.fr", data, json!({})).await;
        Self { server, _bridge: bridge, room, event }
    }

    /// The path of a route with values for its parameters.
    fn path(&self, route: &Route) -> String {
        filled(&route.path, &self.room, &self.event)
    }

    async fn ask(&self, route: &Route, token: &str) -> (StatusCode, Value) {
        let body = route.body.replace("{room_id}", &self.room).replace("{event_id}", &self.event);
        let mut request = Request::builder().method(route.method.as_str()).uri(self.path(route));
        if !token.is_empty() {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = self.server.send(request.body(Body::from(body)).unwrap()).await;
        (answer.status, serde_json::from_slice(&answer.bytes).unwrap_or_default())
    }
}

/// A path with values for its parameters.
fn filled(path: &str, room: &str, event: &str) -> String {
    let mut path = path.to_owned();
    for (name, value) in [
        ("room_id", room),
        ("room_id_or_alias", room),
        ("event_id", event),
        ("user_id", "@a:x.fr"),
        ("room_alias", "%23x:x.fr"),
        ("server_name", "x.fr"),
        ("device_id", "D"),
        ("key", "displayname"),
        ("kind", "content"),
        ("receipt_type", "m.read"),
        ("action", "cancel"),
        ("appservice_id", "irc"),
        ("filter_id", "0"),
        ("version", "1"),
    ] {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    // What else there is takes its own name.
    path.replace(['{', '}'], "")
}

/// The token of somebody who may use the route.
fn token_for(route: &Route) -> &'static str {
    match route.auth.as_str() {
        "none" => "",
        "appservice" => "as-secret",
        _ => "@a:x.fr",
    }
}

/// Without it a route could be open to strangers, or answer them with anything but the error by
/// which clients know to log in.
#[tokio::test]
async fn who_has_no_token_or_a_wrong_one_is_told_so_by_every_route() {
    let world = World::start(|_| {}).await;
    let mut wrong = Vec::new();
    for route in table() {
        let (without, missing) = world.ask(&route, "").await;
        let (with_wrong, unknown) = world.ask(&route, "no such token").await;
        let refused = (without, missing["errcode"].as_str())
            == (StatusCode::UNAUTHORIZED, Some("M_MISSING_TOKEN"));
        let refused_wrong = (with_wrong, unknown["errcode"].as_str())
            == (StatusCode::UNAUTHORIZED, Some("M_UNKNOWN_TOKEN"));
        let right = match route.auth.as_str() {
            "none" => (without, &missing["errcode"]) == (with_wrong, &unknown["errcode"]),
            "optional" => !refused && refused_wrong,
            "token" | "admin" | "appservice" => refused && refused_wrong,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {without} {missing} / {with_wrong} {unknown}", route.key()));
        }
        if matches!(route.auth.as_str(), "admin" | "appservice") {
            let (status, answer) = world.ask(&route, "@b:x.fr").await;
            if (status, answer["errcode"].as_str()) != (StatusCode::FORBIDDEN, Some("M_FORBIDDEN"))
            {
                wrong.push(format!("{} for anybody: {status} {answer}", route.key()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without it whoever steals the session of an administrator goes on to administer after the account
/// was suspended, and lifts the suspension.
#[tokio::test]
async fn a_suspended_administrator_administers_nothing() {
    let world = World::start(|_| {}).await;
    let user = UserId::parse("@a:x.fr").unwrap();
    let store = &world.server.server.store;
    for flag in [AccountFlag::Admin, AccountFlag::Suspended] {
        store.set_account_flag(&user, flag, true).await.unwrap();
    }
    let routes = table().into_iter().filter(|route| route.auth == "admin");
    let mut wrong = Vec::new();
    for route in routes {
        let (status, answer) = world.ask(&route, "@a:x.fr").await;
        // Everybody may look at their own sessions.
        let own = route.path.starts_with("/_matrix/") && route.path.contains("/whois/");
        let told = answer["errcode"] == "M_USER_SUSPENDED" && status == StatusCode::FORBIDDEN;
        if told == own {
            wrong.push(format!("{}: {status} {answer}", route.key()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without it a route could be forgotten when limits are set, or hold back whoever only reads.
#[tokio::test]
async fn every_route_is_held_back_by_the_limit_that_the_table_names_and_no_other() {
    let mut wrong = Vec::new();
    for class in ["message", "login", "write"] {
        let World { server, _bridge, room, event } = World::start(|_| {}).await;
        let server = server.restart(|config| {
            config.rate_limits.enabled = true;
            config.rate_limits.messages_burst = if class == "message" { 0.0 } else { 1e6 };
            config.rate_limits.login_burst = if class == "login" { 0.0 } else { 1e6 };
            config.rate_limits.source_burst = config.rate_limits.login_burst;
            config.rate_limits.writes_burst = if class == "write" { 0.0 } else { 1e6 };
        });
        let world = World { server: server.await, _bridge, room, event };
        // Logging out comes last, because it works.
        let (last, mut routes): (Vec<_>, _) =
            table().into_iter().partition(|route| route.path.contains("/logout"));
        routes.extend(last);
        for route in routes {
            let (status, answer) = world.ask(&route, token_for(&route)).await;
            let held = status == StatusCode::TOO_MANY_REQUESTS
                && answer["errcode"] == "M_LIMIT_EXCEEDED"
                && answer["retry_after_ms"].as_u64().is_some_and(|ms| ms > 0);
            if held != (route.limit == class) {
                wrong.push(format!("{class}: {}: {status} {answer}", route.key()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without it clients could not tell an endpoint that is missing from one that found nothing.
#[tokio::test]
async fn unknown_paths_and_wrong_methods_are_unrecognized() {
    let world = World::start(|_| {}).await;
    let server = &world.server;
    for path in [
        "/_matrix/unknown",
        "/_matrix/client/unknown",
        "/_matrix/client/v1/unknown",
        "/_matrix/client/v3/room/unknown",
        "/_matrix/client/v99/sync",
        "/_matrix/media/unknown",
        "/_matrix/media/v3/unknown",
        "/_matrix/federation/unknown",
        "/_matrix/key/unknown",
        "/_synapse/admin/unknown",
    ] {
        for method in [Method::GET, Method::POST] {
            let answer = server.ask(method.clone(), path, "@a:x.fr", "{}").await;
            let told = (answer.status, answer.json()["errcode"].clone());
            assert_eq!(told, (StatusCode::NOT_FOUND, json!("M_UNRECOGNIZED")), "{method} {path}");
            assert_eq!(answer.headers["access-control-allow-origin"], "*");
        }
    }
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut paths = BTreeMap::new();
    for route in table() {
        let key = key("", route.template());
        paths.insert(key.clone(), world.path(&route));
        methods.entry(key).or_default().insert(route.method);
    }
    for (template, methods) in methods {
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH"] {
            if methods.contains(method) {
                continue;
            }
            let path = &paths[&template];
            let answer = server.ask(method.parse().unwrap(), path, "@a:x.fr", "{}").await;
            let told = (answer.status, answer.json()["errcode"].clone());
            let expected = (StatusCode::METHOD_NOT_ALLOWED, json!("M_UNRECOGNIZED"));
            assert_eq!(told, expected, "{method} {path}");
        }
    }
}

/// Otherwise whoever sits between a browser and this server takes TLS away the next time.
#[tokio::test]
async fn answers_say_to_come_by_tls_where_that_is_how_one_comes() {
    for (base_url, expected) in
        [("https://chat.x.fr", Some("max-age=31536000")), ("http://localhost:8008", None)]
    {
        let server = TestServer::with(|config| config.public_base_url = base_url.into()).await;
        for path in ["/_matrix/client/versions", "/_matrix/client/v3/sync", "/", "/nothing"] {
            let request = Request::get(path).body(Body::empty()).unwrap();
            let answer = server.send(request).await;
            let given = answer.headers.get("strict-transport-security");
            assert_eq!(given.map(|value| value.to_str().unwrap()), expected, "{base_url} {path}");
        }
    }
}

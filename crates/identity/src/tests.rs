// SPDX-License-Identifier: Apache-2.0
//! The table of all pages and endpoints of this crate, kept true by asking the real router.

use std::{collections::BTreeSet, sync::atomic::Ordering};

use axum::body::Body;
use estafette_store::{PeopleStore as _, people::PersonDetails};
use estafette_testkit::routes::{key, of_router};
use http::{Request, StatusCode, header};

use crate::{
    config::MailTransport,
    testing::{Answer, PROVIDER, TestBrowser, TestIdentity},
};

const ROUTES: &str = include_str!("tests/routes.tsv");
const PASSWORD: &str = "correct horse";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A line of the table.
struct Route {
    method: &'static str,
    path: &'static str,
    who: &'static str,
    limited: bool,
    body: String,
}

fn table() -> Vec<Route> {
    let lines = ROUTES.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| {
            let mut columns = line.split('\t');
            let mut next = || columns.next().unwrap_or_default();
            let (method, path, who) = (next(), next(), next());
            Route { method, path, who, limited: next() == "limited", body: next().into() }
        })
        .collect()
}

/// Identity with everything that can be switched on, and a client that it knows.
struct World {
    site: TestIdentity,
    client: String,
    _folder: tempfile::TempDir,
}

impl World {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, SECRET).unwrap();
        let site = TestIdentity::with(|config| {
            config.sign_up.enabled = true;
            config.policy.open = true;
            config.policy.internal_secret_file = secret;
            config.mail.transport = MailTransport::Folder;
            config.mail.from = "Estafette <no-reply@x.fr>".into();
            config.mail.folder = folder.path().join("mail");
            config.upstream = vec![toml::from_str(PROVIDER).unwrap()];
        });
        let mut world = Self { site, client: String::new(), _folder: folder };
        let mut table = table().into_iter();
        let mut register = table.find(|route| route.path == "/oauth2/register").unwrap();
        register.body = register.body.replace("c.fr", "known.fr");
        let answer = register.ask(&world, "").await;
        let client: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        client["client_id"].as_str().unwrap().clone_into(&mut world.client);
        world
    }
}

impl Route {
    fn filled(&self) -> String {
        self.path.replace("{provider}", "idp").replace(['{', '}'], "")
    }

    fn key(&self) -> String {
        key(self.method, self.path.split('?').next().unwrap())
    }

    /// Asks as it stands in the table, without any cookie.
    async fn ask(&self, World { site, client, .. }: &World, authorization: &str) -> Answer {
        let kind = match self.body.as_str() {
            "hello" => "text/plain",
            body if body.starts_with('{') => "application/json",
            _ => "application/x-www-form-urlencoded",
        };
        let mut request = Request::builder()
            .method(self.method)
            .uri(self.filled())
            .header("host", "x.fr")
            .header("content-type", kind)
            .header("content-length", self.body.len());
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        site.send(request.body(Body::from(self.body.replace("{client}", client))).unwrap()).await
    }

    /// Asks as a browser does that was shown a form.
    async fn fill_in(&self, browser: &mut TestBrowser<'_>) -> Answer {
        if self.method == "GET" {
            return browser.open(&self.filled()).await;
        }
        let token = serde_urlencoded::to_string([("form_token", browser.form_token().await)]);
        browser.post(&self.filled(), &format!("{}&{}", token.unwrap(), self.body)).await
    }
}

fn asks_to_sign_in(answer: &Answer) -> bool {
    answer.status == StatusCode::SEE_OTHER
        && answer.location().starts_with("/_estafette/sign-in?continue=")
}

/// Without it a page or an endpoint could come without anybody having said who may use it.
#[tokio::test]
async fn every_route_is_in_the_table() {
    let world = World::start().await;
    let served = of_router(&format!("{:#?}", world.site.identity.routes())).unwrap();
    let listed: BTreeSet<String> = table().iter().map(Route::key).collect();
    let unlisted: Vec<_> = served.difference(&listed).collect();
    let gone: Vec<_> = listed.difference(&served).collect();
    assert!(unlisted.is_empty(), "not in the table: {unlisted:#?}");
    assert!(gone.is_empty(), "not served: {gone:#?}");
    assert!(served.len() > 40, "the Debug form of the router is read wrongly");
}

/// Without it clients cannot tell an endpoint that takes another method from one that failed, or are
/// shown a page.
#[tokio::test]
async fn a_wrong_method_is_told_in_the_form_of_those_who_ask() {
    let world = World::start().await;
    let mut told = BTreeSet::new();
    for mut route in table() {
        if route.path.contains("{*") {
            continue;
        }
        route.method = "PATCH";
        let answer = route.ask(&world, "").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{}", route.path);
        let kind = match route.path.split('/').nth(1) {
            _ if route.path.contains("/v1/") => "\"errcode\":\"M_UNRECOGNIZED\"",
            Some("_matrix") => "\"errcode\":\"M_UNRECOGNIZED\"",
            _ if route.path.ends_with("{provider}/logout") => "\"error\":\"invalid_request\"",
            Some("oauth2" | ".well-known") => "\"error\":\"invalid_request\"",
            _ => "<h1>",
        };
        assert!(answer.body.contains(kind), "{}: {}", route.path, answer.body);
        told.insert(kind);
    }
    assert_eq!(told.len(), 3, "{told:?}");
}

/// Without it a page of a person could be open to strangers, and a form to other sites.
#[tokio::test]
async fn every_route_refuses_whom_the_table_does_not_name() {
    let world = World::start().await;
    let mut wrong = Vec::new();
    for route in table() {
        let bare = route.ask(&world, "").await;
        let with_wrong = route.ask(&world, "Bearer wrong").await;
        let stranger = route.fill_in(&mut world.site.browser()).await;
        let form_refused = route.method != "POST" || bare.status == StatusCode::FORBIDDEN;
        let refused = |answer: &Answer| {
            [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN].contains(&answer.status)
        };
        let right = match route.who {
            "anyone" => !refused(&bare) && !asks_to_sign_in(&bare),
            "browser" => form_refused && !refused(&stranger) && !asks_to_sign_in(&stranger),
            "person" => form_refused && asks_to_sign_in(&stranger),
            "token" | "secret" | "state" => refused(&bare) && refused(&with_wrong),
            _ => false,
        };
        // The provider cannot be reached here, which is said with 502.
        let broken = bare.status.is_server_error() && !route.path.contains("{provider}");
        if !right || broken {
            let seen = [&bare, &with_wrong, &stranger]
                .map(|answer| format!("{} {}", answer.status, answer.location()));
            wrong.push(format!("{} ({}): {seen:?}", route.key(), route.who));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Without it a way to try secrets, to have mail sent or to fill the store could be without bound.
#[tokio::test]
async fn every_route_that_the_table_calls_limited_is_and_no_other() {
    let world = World::start().await;
    let user_id = world.site.account("a", PASSWORD).await;
    let email = Some("z@x.fr".to_owned());
    let details = PersonDetails { email, ..PersonDetails::default() };
    world.site.identity.store.put_person(&user_id, details).await.unwrap();
    let token = world.site.access_token(&user_id).await;
    let mut wrong = Vec::new();
    for route in table() {
        world.site.host.exhausted.store(false, Ordering::SeqCst);
        world.site.host.limits.store(false, Ordering::SeqCst);
        let mut browser = world.site.browser();
        if route.who == "person" {
            browser.open("/_estafette/sign-in").await;
            browser.submit("/_estafette/sign-in", &[("who", "a"), ("password", PASSWORD)]).await;
        }
        // A code is tried by whoever asked for one.
        let start = route.path.trim_end_matches("/code");
        let asking =
            table().into_iter().find(|other| other.path == start && other.method == "POST");
        if let Some(asking) = asking.filter(|_| start != route.path) {
            world.site.host.advance(60_000);
            let asked = asking.fill_in(&mut browser).await;
            assert_eq!(asked.status, StatusCode::SEE_OTHER, "{} {}", asking.path, asked.body);
        }
        world.site.host.exhausted.store(true, Ordering::SeqCst);
        let answer = match route.who {
            "browser" | "person" => route.fill_in(&mut browser).await,
            "secret" => route.ask(&world, &format!("Bearer {SECRET}")).await,
            _ => route.ask(&world, &format!("Bearer {token}")).await,
        };
        let limited = answer.status == StatusCode::TOO_MANY_REQUESTS;
        if limited != route.limited {
            wrong.push(format!("{}: {} {}", route.key(), answer.status, answer.body));
        }
        if limited && !answer.headers.contains_key(header::RETRY_AFTER) {
            wrong.push(format!("{}: does not say when to come again", route.key()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

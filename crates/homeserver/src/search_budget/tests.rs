// SPDX-License-Identifier: Apache-2.0
//! Without these one stolen account could copy the whole directory.

use estafette_core::ids::UserId;
use estafette_store::{PeopleStore as _, people::PersonDetails};
use serde_json::json;

use super::*;
use crate::testing::TestServer;

const PATH: &str = "/v3/user_directory/search";

async fn server(searches_per_day: u32) -> TestServer {
    TestServer::with(|config| {
        config.rate_limits.enabled = true;
        config.rate_limits.writes_burst = 1e6;
        config.rate_limits.login_burst = 1e6;
        config.rate_limits.source_burst = 1e6;
        config.user_directory.searches_per_day = searches_per_day;
    })
    .await
}

#[tokio::test]
async fn searches_run_out_and_come_back_over_a_day() {
    let server = server(4).await;
    let search =
        async || server.request("POST", PATH, "@a:x.fr", json!({ "search_term": "x" })).await;
    for _ in 0..4 {
        assert_eq!(search().await.0, 200);
    }
    let (status, answer) = search().await;
    assert_eq!((status.as_u16(), &answer["errcode"]), (429, &json!("M_LIMIT_EXCEEDED")));
    let wait_ms = answer["retry_after_ms"].as_i64().unwrap();
    assert_eq!(wait_ms, 6 * 3_600_000, "a quarter of a day");
    let (status, _) = server.request("POST", PATH, "@b:x.fr", json!({ "search_term": "x" })).await;
    assert_eq!(status, 200, "others have their own");
    server.clock.advance(wait_ms - 1);
    assert_eq!(search().await.0, 429);
    server.clock.advance(1);
    assert_eq!(search().await.0, 200);
    assert_eq!(search().await.0, 429);
}

#[tokio::test]
async fn who_is_shown_more_people_pays_more() {
    let server = server(10).await;
    for n in 0..31 {
        server.token_of(&format!("@person{n}:x.fr")).await;
    }
    let search = async |limit: u64| {
        let body = json!({ "search_term": "person", "limit": limit });
        server.request("POST", PATH, "@a:x.fr", body).await
    };
    for _ in 0..3 {
        let (status, answer) = search(30).await;
        assert_eq!((status.as_u16(), answer["results"].as_array().unwrap().len()), (200, 30));
    }
    assert_eq!(search(1).await.0, 200, "nine were used by three");
    assert_eq!(search(1).await.0, 429);
}

#[tokio::test]
async fn a_restart_gives_nothing_back() {
    let server = server(2).await;
    let search =
        async || server.request("POST", PATH, "@a:x.fr", json!({ "search_term": "x" })).await;
    assert_eq!(search().await.0, 200);
    assert_eq!(search().await.0, 200);
    server.server.search_budgets.flush(&server.server).await.unwrap();
    // What a process that starts afresh knows.
    server.server.search_budgets.0.lock().clear();
    assert_eq!(search().await.0, 429);
}

/// Otherwise addresses are tried one after the other until one is somebody's, by a device after the
/// other of the same account.
#[tokio::test]
async fn an_address_costs_a_search_found_or_not_and_whatever_the_device() {
    let server = server(4).await;
    let token = server.register("a").await;
    server.token_of("@b:x.fr").await;
    let bob = UserId::parse("@b:x.fr").unwrap();
    let details = PersonDetails { email: Some("b@x.gouv.fr".into()), ..PersonDetails::default() };
    server.server.store.put_person(&bob, details).await.unwrap();
    let search = async |token: &str, address: &str| {
        let (status, answer) =
            server.request("POST", PATH, token, json!({ "search_term": address })).await;
        (status.as_u16(), answer["results"].as_array().map(Vec::len))
    };
    assert_eq!(search(&token, "b@x.gouv.fr").await, (200, Some(1)));
    assert_eq!(search(&token, "c@x.gouv.fr").await, (200, Some(0)));
    assert_eq!(search(&token, "d@x.gouv.fr").await, (200, Some(0)));
    server.request("POST", "/v3/logout", &token, json!({})).await;
    let other = server.login("a", "OTHER").await;
    let other = other["access_token"].as_str().unwrap();
    assert_eq!(search(other, "e@x.gouv.fr").await, (200, Some(0)));
    for address in ["b@x.gouv.fr", "f@x.gouv.fr"] {
        assert_eq!(search(other, address).await, (429, None), "{address}");
    }
}

/// Otherwise a write that fails gives everybody their searches back with the next restart.
#[tokio::test]
async fn what_could_not_be_written_down_is_written_the_next_time() {
    let server = server(2).await;
    let search =
        async || server.request("POST", PATH, "@a:x.fr", json!({ "search_term": "x" })).await.0;
    assert_eq!((search().await.as_u16(), search().await.as_u16()), (200, 200));
    // No number: the database refuses the row, and with it all of that write.
    server.token_of("@broken:x.fr").await;
    let broken = UserId::parse("@broken:x.fr").unwrap();
    let budget = DirectoryBudget { tokens: f64::NAN, filled_ms: 0 };
    let budgets = &server.server.search_budgets;
    budgets.0.lock().insert(broken.clone(), Left { budget, changed: true });
    assert!(budgets.flush(&server.server).await.is_err());
    let alice = UserId::parse("@a:x.fr").unwrap();
    assert!(server.server.store.directory_budget(&alice).await.unwrap().is_none());
    assert_eq!(search().await, 429, "what is in memory counts");
    budgets.0.lock().remove(&broken);
    budgets.flush(&server.server).await.unwrap();
    budgets.0.lock().clear();
    assert_eq!(search().await, 429);
}

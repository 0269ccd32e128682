// SPDX-License-Identifier: Apache-2.0
//! Without these one stolen account could copy the whole directory.

use serde_json::json;

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

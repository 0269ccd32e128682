// SPDX-License-Identifier: Apache-2.0
use estafette_store::{ReportStore as _, reports::Subject};
use serde_json::json;

use crate::testing::TestServer;

const ALICE: &str = "@alice:x.fr";
const BOB: &str = "@bob:x.fr";

#[tokio::test]
async fn reports_are_kept_for_moderators() {
    let server = TestServer::start().await;
    let room = server.room_with(ALICE, &[BOB]).await;
    let event = server.say(ALICE, &room, "bad").await;
    let path = format!("/v3/rooms/{room}/report/{event}");
    server.post(BOB, &path, json!({ "reason": "bad", "score": -100 })).await;
    server.post(BOB, &format!("/v3/rooms/{room}/report"), json!({ "reason": "all" })).await;
    server.post(BOB, &format!("/v3/users/{ALICE}/report"), json!({ "reason": "she" })).await;
    let reports = server.server.store.reports(i64::MAX, 10).await.unwrap();
    let reasons: Vec<_> = reports.iter().map(|(_, report)| report.reason.as_str()).collect();
    assert_eq!(reasons, ["she", "all", "bad"]);
    let (_, first) = reports.last().unwrap();
    assert!(
        matches!(&first.subject, Subject::Event { event_id, .. } if event_id.as_str() == event)
    );
    assert_eq!((first.reporter.as_str(), first.score), (BOB, Some(-100)));
    let outside = server.refused("POST", "@carol:x.fr", &path, json!({})).await;
    assert_eq!(outside, (404, "M_NOT_FOUND".to_owned()));
    let wrong = server.refused("POST", BOB, &path, json!({ "score": 5 })).await;
    assert_eq!(wrong, (400, "M_INVALID_PARAM".to_owned()));
}

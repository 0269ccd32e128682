// SPDX-License-Identifier: Apache-2.0
//! Without these a report could be lost before anybody acted on it.

use std::sync::Arc;

use estafette_core::ids::{EventId, RoomId, UserId};
use estafette_store::{
    ReportStore as _,
    fact::NoSink,
    reports::{Report, Subject},
    sqlite::{SqliteOptions, SqliteStore},
};

#[tokio::test]
async fn reports_are_read_back_latest_first() {
    let folder = tempfile::tempdir().unwrap();
    let options = SqliteOptions::new(folder.path().join("db"));
    let store = SqliteStore::open(&options, Arc::new(NoSink)).unwrap();
    let room_id = RoomId::parse("!r").unwrap();
    let user_id = UserId::parse("@bad:x.fr").unwrap();
    let event_id = EventId::parse("$e").unwrap();
    let subjects = [
        Subject::Event { room_id: room_id.clone(), event_id },
        Subject::Room(room_id),
        Subject::User(user_id.clone()),
    ];
    let mut expected = Vec::new();
    for (subject, score) in subjects.into_iter().zip([Some(-5), None, None]) {
        let report = Report {
            reporter: user_id.clone(),
            subject,
            reason: "why".into(),
            score,
            received_ms: 7,
        };
        expected.insert(0, (store.put_report(report.clone()).await.unwrap(), report));
    }
    assert_eq!(store.reports(i64::MAX, 10).await.unwrap(), expected);
    let (second, _) = expected[1];
    assert_eq!(store.reports(second, 10).await.unwrap(), expected[2..]);
    assert_eq!(store.reports(i64::MAX, 1).await.unwrap(), expected[..1]);
}

// SPDX-License-Identifier: Apache-2.0
//! Reports on the embedded engine.

use async_trait::async_trait;
use estafette_core::ids::{EventId, RoomId, UserId};
use rusqlite::{Row, params};

use super::SqliteStore;
use crate::{
    ReportStore, StoreError, StoreResult,
    reports::{Report, Subject},
};

#[async_trait]
impl ReportStore for SqliteStore {
    async fn put_report(&self, report: Report) -> StoreResult<i64> {
        self.write(move |tx| {
            let (room_id, event_id, user_id) = match &report.subject {
                Subject::Event { room_id, event_id } => {
                    (Some(room_id.as_str()), Some(event_id.as_str()), None)
                }
                Subject::Room(room_id) => (Some(room_id.as_str()), None, None),
                Subject::User(user_id) => (None, None, Some(user_id.as_str())),
            };
            tx.conn
                .prepare_cached(
                    "INSERT INTO report
                        (received_ms, reporter, room_id, event_id, user_id, reason, score)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                )?
                .execute(params![
                    report.received_ms,
                    report.reporter.as_str(),
                    room_id,
                    event_id,
                    user_id,
                    report.reason,
                    report.score
                ])?;
            Ok(tx.conn.last_insert_rowid())
        })
        .await
    }

    async fn reports(&self, before: i64, limit: usize) -> StoreResult<Vec<(i64, Report)>> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT id, received_ms, reporter, room_id, event_id, user_id, reason, score
                 FROM report WHERE id < ?1 ORDER BY id DESC LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = statement.query((before, limit))?;
            let mut reports = Vec::new();
            while let Some(row) = rows.next()? {
                reports.push((row.get(0)?, report(row)?));
            }
            Ok(reports)
        })
        .await
    }
}

fn report(row: &Row<'_>) -> StoreResult<Report> {
    let wrong = |_| StoreError::Corrupt("a report about no identifier".into());
    let (room, event, user): (Option<String>, Option<String>, Option<String>) =
        (row.get(3)?, row.get(4)?, row.get(5)?);
    let subject = match (room, event, user) {
        (Some(room), Some(event), _) => Subject::Event {
            room_id: RoomId::parse(&room).map_err(wrong)?,
            event_id: EventId::parse(&event).map_err(wrong)?,
        },
        (Some(room), None, _) => Subject::Room(RoomId::parse(&room).map_err(wrong)?),
        (None, _, user) => Subject::User(UserId::parse(&user.unwrap_or_default()).map_err(wrong)?),
    };
    Ok(Report {
        reporter: UserId::parse(&row.get::<_, String>(2)?).map_err(wrong)?,
        subject,
        reason: row.get(6)?,
        score: row.get(7)?,
        received_ms: row.get(1)?,
    })
}

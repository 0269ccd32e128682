// SPDX-License-Identifier: Apache-2.0
//! Reading what a user has read, and what is unread.

use estafette_core::ids::{RoomId, UserId};
use rusqlite::{Connection, Row, params};

use super::{corrupt, position, rows, signed};
use crate::{
    Position, StoreResult,
    rooms::{EventFlags, Receipt, UnreadCounts, UnreadInThread},
    sqlite::room_writes::{event_id, room_nid},
};

const RECEIPT_COLUMNS: &str = "user_id, kind, thread, event_id, event_nid, ts, pos";

fn receipt(row: &Row<'_>) -> StoreResult<Receipt> {
    Ok(Receipt {
        user_id: UserId::parse(row.get_ref(0)?.as_str().map_err(corrupt)?).map_err(corrupt)?,
        kind: row.get(1)?,
        thread: row.get(2)?,
        event_id: event_id(row.get_ref(3)?.as_str().map_err(corrupt)?)?,
        event_pos: position(row.get(4)?),
        ts: row.get(5)?,
        pos: position(row.get(6)?),
    })
}

pub(in crate::sqlite) fn receipts(
    conn: &Connection,
    room_id: &RoomId,
    after: Position,
) -> StoreResult<Vec<Receipt>> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(Vec::new()) };
    let sql = format!(
        "SELECT {RECEIPT_COLUMNS} FROM receipt INDEXED BY receipt_by_pos
         WHERE room_nid = ?1 AND pos > ?2 ORDER BY pos"
    );
    rows(conn, &sql, (nid, signed(after)), receipt)
}

pub(in crate::sqlite) fn receipts_by(
    conn: &Connection,
    room_id: &RoomId,
    user_id: &UserId,
) -> StoreResult<Vec<Receipt>> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(Vec::new()) };
    let sql = format!("SELECT {RECEIPT_COLUMNS} FROM receipt WHERE room_nid = ?1 AND user_id = ?2");
    rows(conn, &sql, (nid, user_id.as_str()), receipt)
}

/// How many of the latest events are searched for one of the user's own.
const OWN_EVENT_SCAN_MAX: i64 = 500;

pub(in crate::sqlite) fn last_sent_by(
    conn: &Connection,
    room_id: &RoomId,
    user_id: &UserId,
    (after, upto): (Position, Position),
) -> StoreResult<Position> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(Position(0)) };
    // In canonical JSON a user id stands as it is: a look at the bytes spares reading most events.
    let needle = format!("\"sender\":\"{user_id}\"");
    let mut statement = conn.prepare_cached(
        "SELECT e.nid, e.json FROM timeline t JOIN event e ON e.nid = t.nid
         WHERE t.room_nid = ?1 AND t.nid > ?2 AND t.nid <= ?3 AND t.flags & ?4 = 0
         ORDER BY t.nid DESC LIMIT ?5",
    )?;
    let mut rows = statement.query(params![
        nid,
        signed(after),
        signed(upto),
        EventFlags::IN_THREAD.0,
        OWN_EVENT_SCAN_MAX
    ])?;
    while let Some(row) = rows.next()? {
        let json = row.get_ref(1)?.as_str().map_err(corrupt)?;
        if json.contains(&needle) {
            let event: Sent<'_> = serde_json::from_str(json).map_err(corrupt)?;
            if event.sender == user_id.as_str() {
                return Ok(position(row.get(0)?));
            }
        }
    }
    Ok(Position(0))
}

/// Who sent an event, read from its JSON.
#[derive(serde::Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    sender: std::borrow::Cow<'a, str>,
}

/// Flags that a timeline row must have, and must not have, to count as unread outside threads.
const COUNTED: u8 = EventFlags::NOTIFIES.0;
const NOT_COUNTED: u8 = EventFlags::EDIT.0 | EventFlags::IN_THREAD.0;

pub(in crate::sqlite) fn unread_counts(
    conn: &Connection,
    room_id: &RoomId,
    user_id: &UserId,
    after: Position,
    upto: Position,
) -> StoreResult<UnreadCounts> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(UnreadCounts::default()) };
    let count = |sql: &str, params: &[&dyn rusqlite::ToSql]| -> StoreResult<u64> {
        let count: i64 = conn.prepare_cached(sql)?.query_row(params, |row| row.get(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    };
    // Whoever is named is notified, also by an event that notifies nobody else.
    let notification = count(
        "SELECT count(*) FROM timeline WHERE room_nid = ?1 AND nid > ?2 AND nid <= ?3
            AND flags & ?4 = ?4 AND flags & ?5 = 0",
        params![nid, signed(after), signed(upto), COUNTED, NOT_COUNTED],
    )? + count(
        "SELECT count(*) FROM highlight h JOIN timeline t ON t.room_nid = h.room_nid
            AND t.nid = h.nid AND t.flags & ?5 = 0 AND t.flags & ?6 = 0
         WHERE h.user_id = ?1 AND h.room_nid = ?2 AND h.nid > ?3 AND h.nid <= ?4",
        params![user_id.as_str(), nid, signed(after), signed(upto), NOT_COUNTED, COUNTED],
    )?;
    let highlight = count(
        "SELECT count(*) FROM timeline WHERE room_nid = ?1 AND nid > ?2 AND nid <= ?3
            AND flags & ?4 = ?4 AND flags & ?5 = 0",
        params![
            nid,
            signed(after),
            signed(upto),
            EventFlags::HIGHLIGHTS.0 | EventFlags::NOTIFIES.0,
            NOT_COUNTED
        ],
    )? + count(
        "SELECT count(*) FROM highlight h JOIN timeline t ON t.room_nid = h.room_nid
            AND t.nid = h.nid AND t.flags & ?5 = 0
         WHERE h.user_id = ?1 AND h.room_nid = ?2 AND h.nid > ?3 AND h.nid <= ?4",
        params![user_id.as_str(), nid, signed(after), signed(upto), NOT_COUNTED],
    )?;
    Ok(UnreadCounts { notification, highlight })
}

pub(in crate::sqlite) fn unread_in_threads(
    conn: &Connection,
    room_id: &RoomId,
    user_id: &UserId,
    (after, upto): (Position, Position),
    limit: usize,
) -> StoreResult<Vec<UnreadInThread>> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(Vec::new()) };
    rows(
        conn,
        "SELECT c.parent_id, c.nid, h.nid IS NOT NULL OR t.flags & ?7 <> 0
         FROM relation c JOIN timeline t ON t.room_nid = c.room_nid AND t.nid = c.nid
            LEFT JOIN highlight h
            ON h.user_id = ?4 AND h.room_nid = c.room_nid AND h.nid = c.nid
         WHERE c.room_nid = ?1 AND c.nid > ?2 AND c.nid <= ?3 AND c.rel_type = 'm.thread'
            AND (t.flags & ?5 = ?5 OR h.nid IS NOT NULL) AND c.sender <> ?4
         ORDER BY c.nid LIMIT ?6",
        params![
            nid,
            signed(after),
            signed(upto),
            user_id.as_str(),
            COUNTED,
            i64::try_from(limit).unwrap_or(i64::MAX),
            EventFlags::HIGHLIGHTS.0
        ],
        |row| {
            Ok(UnreadInThread {
                thread: event_id(row.get_ref(0)?.as_str().map_err(corrupt)?)?,
                pos: position(row.get(1)?),
                highlight: row.get(2)?,
            })
        },
    )
}

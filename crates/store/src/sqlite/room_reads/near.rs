// SPDX-License-Identifier: Apache-2.0
//! Which events are closest to a time.
//!
//! Nearly every event is later than all before it in its room. Of those the order of the timeline
//! is that of time, and a place in it is found by halving; the others, `behind` the latest time
//! before them, have an index of their own. So an event that comes in order costs no index.

use estafette_core::{
    ids::RoomId,
    limits::{EVENT_TIME_SCAN_MAX, ROOM_PLACE_STEPS_MAX},
};
use rusqlite::{Connection, OptionalExtension as _};

use super::{EVENT_COLUMNS, EVENT_JOINS, room, rows, stored_event};
use crate::{
    StoreResult,
    rooms::{Direction, StoredEvent},
};

/// A time and the number of the event that has it.
type Timed = (i64, i64);

/// By the index `timeline_behind`.
pub(in crate::sqlite) fn behind_sql(compare: &str, order: &str) -> String {
    format!(
        "SELECT ts, nid FROM timeline INDEXED BY timeline_behind
         WHERE room_nid = ?1 AND behind > 0 AND ts {compare} ?2
         ORDER BY ts {order}, nid {order} LIMIT ?3"
    )
}

/// Events that are not behind, from a place of the timeline on.
fn in_order_sql(compare: &str, order: &str) -> String {
    format!(
        "SELECT ts, nid FROM
            (SELECT ts, nid, behind FROM timeline WHERE room_nid = ?1 AND nid {compare} ?2
             ORDER BY nid {order} LIMIT {EVENT_TIME_SCAN_MAX})
         WHERE behind = 0 ORDER BY nid {order} LIMIT ?3"
    )
}

/// See [`RoomStore::events_near`](crate::RoomStore::events_near).
pub(in crate::sqlite) fn events_near(
    conn: &Connection,
    room_id: &RoomId,
    ts: i64,
    direction: Direction,
    limit: usize,
) -> StoreResult<Vec<StoredEvent>> {
    let Some((room_nid, version)) = room(conn, room_id)? else { return Ok(Vec::new()) };
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let timed = |sql: &str, from: i64| -> StoreResult<Vec<Timed>> {
        rows(conn, sql, (room_nid, from, most), |row| Ok((row.get(0)?, row.get(1)?)))
    };
    let mut near = match direction {
        Direction::Forward => {
            let first = first_reaching(conn, room_nid, ts)?;
            let mut near = timed(&behind_sql(">=", "ASC"), ts)?;
            near.extend(timed(&in_order_sql(">=", "ASC"), first)?);
            near
        }
        Direction::Backward => {
            let end = first_reaching(conn, room_nid, ts.saturating_add(1))?;
            let mut near = timed(&behind_sql("<=", "DESC"), ts)?;
            near.extend(timed(&in_order_sql("<", "DESC"), end)?);
            // The latest time before the end, however many that are behind come after it.
            if let Some((_, reached)) = row_from(conn, room_nid, (end, "<", "DESC"))? {
                let latest = first_reaching(conn, room_nid, reached)?;
                near.push((reached, latest));
            }
            near
        }
    };
    near.sort_unstable();
    near.dedup();
    if direction == Direction::Backward {
        near.reverse();
    }
    near.truncate(limit);
    let sql = format!("SELECT {EVENT_COLUMNS} FROM event e {EVENT_JOINS} WHERE e.nid = ?1");
    let mut events = Vec::with_capacity(near.len());
    for (_, nid) in near {
        events.extend(rows(conn, &sql, (nid,), |row| stored_event(version, row))?);
    }
    Ok(events)
}

/// A row of the timeline: its number, and the latest time that was reached with it.
fn row_from(
    conn: &Connection,
    room_nid: i64,
    (from, compare, order): (i64, &str, &str),
) -> StoreResult<Option<(i64, i64)>> {
    let sql = format!(
        "SELECT nid, ts + behind FROM timeline WHERE room_nid = ?1 AND nid {compare} ?2
         ORDER BY nid {order} LIMIT 1"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let row = statement.query_row((room_nid, from), |row| Ok((row.get(0)?, row.get(1)?)));
    Ok(row.optional()?)
}

/// A number up to which, itself left out, every event of a room is earlier than `ts`; the event of
/// that number, or else the next, is the first that reaches it.
fn first_reaching(conn: &Connection, room_nid: i64, ts: i64) -> StoreResult<i64> {
    let last = row_from(conn, room_nid, (i64::MAX, "<=", "DESC"))?;
    let mut high = last.map_or(0, |(nid, _)| nid.saturating_add(1));
    let mut low = 0;
    // Halving ends by itself: that is at most one step for each bit of a number.
    for _ in 0..ROOM_PLACE_STEPS_MAX {
        if low >= high {
            break;
        }
        let middle = low + (high - low) / 2;
        match row_from(conn, room_nid, (middle, ">=", "ASC"))? {
            Some((nid, reached)) if reached < ts => low = nid.saturating_add(1),
            _ => high = middle,
        }
    }
    // The number of a row: what lies between is empty.
    let row = row_from(conn, room_nid, (low, ">=", "ASC"))?;
    Ok(row.map_or(low, |(nid, _)| nid))
}

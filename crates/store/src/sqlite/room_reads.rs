// SPDX-License-Identifier: Apache-2.0
//! Reading rooms: timelines, state at a position, relations.

mod near;
mod unread;

use std::{collections::HashSet, fmt::Write as _, sync::Arc};

use estafette_core::{
    event::Event,
    ids::{EventId, RoomId, UserId},
    limits::RELATIONS_PER_PARENT_MAX,
    version::RoomVersion,
};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

#[cfg(test)]
pub(super) use self::near::behind_sql;
pub(super) use self::{
    near::events_near,
    unread::{last_sent_by, receipts, receipts_by, unread_counts, unread_in_threads},
};
use super::room_writes::{event_id, room_nid};
use crate::{
    Position, StoreError, StoreResult,
    rooms::{
        Direction, EventFlags, RelationFilter, StateHistory, StoredEvent, StoredRoom,
        TimelineRange, Txn, UserRoom,
    },
};

/// The columns that [`stored_event`] reads; `e` is the event, `r` the redaction of
/// it and `p` the state event that it replaced.
const EVENT_COLUMNS: &str = "e.nid, e.event_id, e.flags, e.device_nid, e.txn_id, e.json, \
                             r.event_id, r.json, p.event_id, p.json";
const EVENT_JOINS: &str = "LEFT JOIN event r ON r.nid = e.redacted_by \
                           LEFT JOIN event p ON p.nid = e.replaces";
/// How many columns those are: further ones come after.
const EVENT_COLUMN_COUNT: usize = 10;

fn stored_event(version: RoomVersion, row: &Row<'_>) -> StoreResult<StoredEvent> {
    let event = parse(version, row.get_ref(1)?.as_str().map_err(corrupt)?, row.get(5)?)?;
    let redacted_because = match row.get::<_, Option<String>>(7)? {
        None => None,
        Some(json) => Some(parse(version, row.get_ref(6)?.as_str().map_err(corrupt)?, json)?),
    };
    let replaces = match row.get::<_, Option<String>>(9)? {
        None => None,
        Some(json) => Some(parse(version, row.get_ref(8)?.as_str().map_err(corrupt)?, json)?),
    };
    let txn = match (row.get::<_, Option<i64>>(3)?, row.get::<_, Option<String>>(4)?) {
        (Some(device_nid), Some(txn_id)) => Some((device_nid, txn_id.into())),
        _ => None,
    };
    Ok(StoredEvent {
        pos: position(row.get(0)?),
        event,
        flags: EventFlags(row.get(2)?),
        redacted_because,
        replaces,
        txn,
    })
}

pub(super) fn parse(version: RoomVersion, id: &str, json: String) -> StoreResult<Arc<Event>> {
    let event = Event::from_stored(version, event_id(id)?, json)
        .map_err(|error| StoreError::Corrupt(format!("event {id}: {error}")))?;
    Ok(Arc::new(event))
}

fn position(nid: i64) -> Position {
    Position(u64::try_from(nid).unwrap_or(0))
}

fn signed(pos: Position) -> i64 {
    i64::try_from(pos.0).unwrap_or(i64::MAX)
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// Runs `sql` and reads each row with `read`.
pub(super) fn rows<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut read: impl FnMut(&Row<'_>) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.push(read(row)?);
    }
    Ok(found)
}

/// A room's number and version.
fn room(conn: &Connection, room_id: &RoomId) -> StoreResult<Option<(i64, RoomVersion)>> {
    let row: Option<(i64, String)> = conn
        .prepare_cached("SELECT nid, version FROM room WHERE room_id = ?1")?
        .query_row((room_id.as_str(),), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    row.map(|(nid, version)| Ok((nid, room_version(&version)?))).transpose()
}

pub(super) fn room_version(text: &str) -> StoreResult<RoomVersion> {
    RoomVersion::parse(text).ok_or_else(|| StoreError::Corrupt(format!("room version `{text}`")))
}

pub(super) fn load_room(
    conn: &Connection,
    room_id: &RoomId,
    timeline_limit: usize,
) -> StoreResult<Option<StoredRoom>> {
    let Some((nid, version)) = room(conn, room_id)? else { return Ok(None) };
    let (extremities, last_pos): (String, i64) = conn
        .prepare_cached("SELECT extremities, last_pos FROM room WHERE nid = ?1")?
        .query_row((nid,), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let extremities: Vec<(String, u64)> = serde_json::from_str(&extremities).map_err(corrupt)?;
    let extremities = extremities
        .into_iter()
        .map(|(id, depth)| Ok((event_id(&id)?, depth)))
        .collect::<StoreResult<_>>()?;
    let state = rows(
        conn,
        "SELECT e.event_id, e.json FROM current_state s JOIN event e ON e.nid = s.event_nid
         WHERE s.room_nid = ?1",
        (nid,),
        |row| parse(version, row.get_ref(0)?.as_str().map_err(corrupt)?, row.get(1)?),
    )?;
    let range = TimelineRange {
        after: Position(0),
        upto: Position(u64::MAX),
        direction: Direction::Backward,
        limit: timeline_limit,
    };
    let mut timeline = timeline_of(conn, (nid, version), range)?;
    timeline.reverse();
    let parents = match timeline.first() {
        Some(oldest) => parents_since(conn, nid, oldest.pos)?,
        None => HashSet::new(),
    };
    let last_pos = position(last_pos);
    Ok(Some(StoredRoom { version, state, extremities, timeline, parents, last_pos }))
}

/// Events that have children after `since`. Children come after their parents, so an event after
/// `since` that is not among these has none.
fn parents_since(conn: &Connection, nid: i64, since: Position) -> StoreResult<HashSet<EventId>> {
    let parents = rows(
        conn,
        "SELECT DISTINCT parent_id FROM relation INDEXED BY relation_by_room
         WHERE room_nid = ?1 AND nid > ?2",
        (nid, signed(since)),
        |row| event_id(row.get_ref(0)?.as_str().map_err(corrupt)?),
    )?;
    Ok(parents.into_iter().collect())
}

pub(super) fn event_of_txn(conn: &Connection, txn: &Txn) -> StoreResult<Option<EventId>> {
    let id: Option<String> = conn
        .prepare_cached(
            "SELECT event_id FROM event WHERE device_nid = ?1 AND txn_id = ?2 AND txn_path = ?3",
        )?
        .query_row((txn.device_nid, &*txn.txn_id, txn.path), |row| row.get(0))
        .optional()?;
    id.map(|id| event_id(&id)).transpose()
}

pub(super) fn event(conn: &Connection, id: &EventId) -> StoreResult<Option<(RoomId, StoredEvent)>> {
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, room.room_id, room.version FROM event e {EVENT_JOINS}
         JOIN room ON room.nid = e.room_nid WHERE e.event_id = ?1"
    );
    let found = rows(conn, &sql, (id.as_str(),), |row| {
        let version =
            room_version(row.get_ref(EVENT_COLUMN_COUNT + 1)?.as_str().map_err(corrupt)?)?;
        let room_id = RoomId::parse(row.get_ref(EVENT_COLUMN_COUNT)?.as_str().map_err(corrupt)?)
            .map_err(corrupt)?;
        Ok((room_id, stored_event(version, row)?))
    })?;
    Ok(found.into_iter().next())
}

pub(super) fn timeline(
    conn: &Connection,
    room_id: &RoomId,
    range: TimelineRange,
) -> StoreResult<Vec<StoredEvent>> {
    match room(conn, room_id)? {
        Some(room) => timeline_of(conn, room, range),
        None => Ok(Vec::new()),
    }
}

fn timeline_of(
    conn: &Connection,
    (nid, version): (i64, RoomVersion),
    range: TimelineRange,
) -> StoreResult<Vec<StoredEvent>> {
    let order = match range.direction {
        Direction::Forward => "ASC",
        Direction::Backward => "DESC",
    };
    let sql = format!(
        "SELECT {EVENT_COLUMNS} FROM timeline t JOIN event e ON e.nid = t.nid
         {EVENT_JOINS}
         WHERE t.room_nid = ?1 AND t.nid > ?2 AND t.nid <= ?3 ORDER BY t.nid {order} LIMIT ?4"
    );
    let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
    rows(conn, &sql, (nid, signed(range.after), signed(range.upto), limit), |row| {
        stored_event(version, row)
    })
}

pub(super) fn events_between(
    conn: &Connection,
    range: TimelineRange,
) -> StoreResult<Vec<(RoomId, StoredEvent)>> {
    let order = match range.direction {
        Direction::Forward => "ASC",
        Direction::Backward => "DESC",
    };
    let hidden = EventFlags::REJECTED | EventFlags::SOFT_FAILED;
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, room.room_id, room.version
         FROM event e JOIN room ON room.nid = e.room_nid {EVENT_JOINS}
         WHERE e.nid > ?1 AND e.nid <= ?2 AND e.flags & ?3 = 0 ORDER BY e.nid {order} LIMIT ?4"
    );
    let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
    let bounds = (signed(range.after), signed(range.upto), hidden.0, limit);
    rows(conn, &sql, bounds, |row| {
        let room_id: String = row.get(EVENT_COLUMN_COUNT)?;
        let version: String = row.get(EVENT_COLUMN_COUNT + 1)?;
        let event = stored_event(room_version(&version)?, row)?;
        Ok((RoomId::parse(&room_id).map_err(corrupt)?, event))
    })
}

pub(super) fn current_state(
    conn: &Connection,
    room_id: &RoomId,
    keys: &[(String, String)],
) -> StoreResult<Vec<Arc<Event>>> {
    let Some((nid, version)) = room(conn, room_id)? else { return Ok(Vec::new()) };
    let mut found = Vec::with_capacity(keys.len());
    for (kind, state_key) in keys {
        found.extend(rows(
            conn,
            "SELECT e.event_id, e.json FROM current_state s JOIN event e ON e.nid = s.event_nid
             WHERE s.room_nid = ?1 AND s.type = ?2 AND s.state_key = ?3",
            (nid, kind, state_key),
            |row| parse(version, row.get_ref(0)?.as_str().map_err(corrupt)?, row.get(1)?),
        )?);
    }
    Ok(found)
}

pub(super) fn state_at(
    conn: &Connection,
    room_id: &RoomId,
    upto: Position,
    keys: Option<&[(String, Option<String>)]>,
) -> StoreResult<Vec<Arc<Event>>> {
    let Some((nid, version)) = room(conn, room_id)? else { return Ok(Vec::new()) };
    let read =
        |row: &Row<'_>| parse(version, row.get_ref(0)?.as_str().map_err(corrupt)?, row.get(1)?);
    let select = "SELECT e.event_id, e.json FROM (
            SELECT type, state_key, max(nid), event_nid FROM state_change
            WHERE room_nid = ?1 AND nid <= ?2";
    let join = "GROUP BY type, state_key) s JOIN event e ON e.nid = s.event_nid";
    let Some(keys) = keys else {
        return rows(conn, &format!("{select} {join}"), (nid, signed(upto)), read);
    };
    let mut found = Vec::new();
    for (kind, state_key) in keys {
        found.extend(match state_key {
            None => rows(
                conn,
                &format!("{select} AND type = ?3 {join}"),
                (nid, signed(upto), kind),
                read,
            )?,
            Some(state_key) => rows(
                conn,
                &format!("{select} AND type = ?3 AND state_key = ?4 {join}"),
                (nid, signed(upto), kind, state_key),
                read,
            )?,
        });
    }
    Ok(found)
}

pub(super) fn state_changes(
    conn: &Connection,
    room_id: &RoomId,
    after: Position,
    upto: Position,
) -> StoreResult<Vec<Arc<Event>>> {
    let Some((nid, version)) = room(conn, room_id)? else { return Ok(Vec::new()) };
    rows(
        conn,
        "SELECT e.event_id, e.json FROM (
            SELECT type, state_key, max(nid), event_nid
            FROM state_change INDEXED BY state_change_by_pos
            WHERE room_nid = ?1 AND nid > ?2 AND nid <= ?3
            GROUP BY type, state_key) s JOIN event e ON e.nid = s.event_nid",
        (nid, signed(after), signed(upto)),
        |row| parse(version, row.get_ref(0)?.as_str().map_err(corrupt)?, row.get(1)?),
    )
}

pub(super) fn state_history(
    conn: &Connection,
    room_id: &RoomId,
    keys: &[(String, String)],
) -> StoreResult<Vec<StateHistory>> {
    let Some((nid, version)) = room(conn, room_id)? else { return Ok(Vec::new()) };
    let history = |(kind, state_key): &(String, String)| {
        rows(
            conn,
            "SELECT s.nid, e.event_id, e.json FROM state_change s
             JOIN event e ON e.nid = s.event_nid
             WHERE s.room_nid = ?1 AND s.type = ?2 AND s.state_key = ?3 ORDER BY s.nid",
            (nid, kind, state_key),
            |row| {
                let id = row.get_ref(1)?.as_str().map_err(corrupt)?;
                Ok((position(row.get(0)?), parse(version, id, row.get(2)?)?))
            },
        )
    };
    keys.iter().map(history).collect()
}

pub(super) fn rooms_of(conn: &Connection, user_id: &UserId) -> StoreResult<Vec<UserRoom>> {
    rows(
        conn,
        "SELECT room.room_id, m.membership, m.event_nid, m.forgotten, m.joined_nid FROM membership m
         JOIN room ON room.nid = m.room_nid WHERE m.user_id = ?1 ORDER BY m.room_nid",
        (user_id.as_str(),),
        |row| {
            Ok(UserRoom {
                room_id: RoomId::parse(row.get_ref(0)?.as_str().map_err(corrupt)?)
                    .map_err(corrupt)?,
                membership: row.get(1)?,
                pos: position(row.get(2)?),
                forgotten: row.get(3)?,
                joined_at: position(row.get(4)?),
            })
        },
    )
}

/// What is said in another room of an event relates to nothing: the children of `?1` are those of
/// its own room.
const IN_ROOM_OF_PARENT: &str =
    "c.room_nid = (SELECT parent.room_nid FROM event parent WHERE parent.event_id = ?1)";

pub(super) fn relations(
    conn: &Connection,
    parent: &EventId,
    filter: &RelationFilter,
    range: TimelineRange,
) -> StoreResult<Vec<StoredEvent>> {
    let order = match range.direction {
        Direction::Forward => "ASC",
        Direction::Backward => "DESC",
    };
    let sql = format!(
        "SELECT {EVENT_COLUMNS}, room.version FROM relation c
         JOIN event e ON e.nid = c.nid {EVENT_JOINS}
         JOIN room ON room.nid = e.room_nid
         WHERE c.parent_id = ?1 AND {IN_ROOM_OF_PARENT} AND c.nid > ?2 AND c.nid <= ?3
           AND (?4 IS NULL OR c.rel_type = ?4) AND (?5 IS NULL OR c.type = ?5)
         ORDER BY c.nid {order} LIMIT ?6"
    );
    let limit = i64::try_from(range.limit).unwrap_or(i64::MAX);
    let params = params![
        parent.as_str(),
        signed(range.after),
        signed(range.upto),
        filter.rel_type,
        filter.kind,
        limit
    ];
    rows(conn, &sql, params, |row| {
        stored_event(
            room_version(row.get_ref(EVENT_COLUMN_COUNT)?.as_str().map_err(corrupt)?)?,
            row,
        )
    })
}

pub(super) fn relations_of(
    conn: &Connection,
    parents: &[EventId],
) -> StoreResult<Vec<(EventId, String, StoredEvent)>> {
    let mut sql = String::new();
    let _ = write!(
        sql,
        "SELECT {EVENT_COLUMNS}, room.version, c.rel_type FROM relation c
         JOIN event e ON e.nid = c.nid {EVENT_JOINS}
         JOIN room ON room.nid = e.room_nid
         WHERE c.parent_id = ?1 AND {IN_ROOM_OF_PARENT}
         ORDER BY c.nid DESC LIMIT {RELATIONS_PER_PARENT_MAX}"
    );
    let mut found = Vec::new();
    for parent in parents {
        let mut children = rows(conn, &sql, (parent.as_str(),), |row| {
            let version = row.get_ref(EVENT_COLUMN_COUNT)?.as_str().map_err(corrupt)?;
            let stored = stored_event(room_version(version)?, row)?;
            Ok((parent.clone(), row.get(EVENT_COLUMN_COUNT + 1)?, stored))
        })?;
        children.reverse();
        found.append(&mut children);
    }
    Ok(found)
}

pub(super) fn threads(
    conn: &Connection,
    room_id: &RoomId,
    before: Position,
    participant: Option<&UserId>,
    limit: usize,
) -> StoreResult<Vec<(EventId, Position)>> {
    let Some(nid) = room_nid(conn, room_id.as_str())? else { return Ok(Vec::new()) };
    rows(
        conn,
        "SELECT parent_id, max(nid) AS last FROM relation c
         WHERE room_nid = ?1 AND rel_type = 'm.thread' AND (?3 IS NULL
            OR EXISTS (SELECT 1 FROM relation o WHERE o.parent_id = c.parent_id
                       AND o.rel_type = 'm.thread' AND o.sender = ?3)
            OR EXISTS (SELECT 1 FROM event e WHERE e.event_id = c.parent_id
                       AND json_extract(e.json, '$.sender') = ?3))
         GROUP BY parent_id HAVING last < ?2 ORDER BY last DESC LIMIT ?4",
        params![
            nid,
            signed(before),
            participant.map(UserId::as_str),
            i64::try_from(limit).unwrap_or(i64::MAX)
        ],
        |row| Ok((event_id(row.get_ref(0)?.as_str().map_err(corrupt)?)?, position(row.get(1)?))),
    )
}

// SPDX-License-Identifier: Apache-2.0
//! Writing rooms: one decision, its events, its state, its memberships.

use estafette_core::{event::Event, ids::EventId};
use rusqlite::{OptionalExtension as _, params};

use super::Tx;
use crate::{
    FactKind, Position, StoreError, StoreResult,
    rooms::{AppliedRedaction, CommitEvent, EventFlags, Receipt, RoomCommit, RoomOutcome},
};

/// Why a commit writes nothing. Travels as an error so that the savepoint is undone.
pub(super) enum Refusal {
    Outcome(RoomOutcome),
    Store(StoreError),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Writes all of `commit`. A duplicate or a taken alias is found before anything is written.
pub(super) fn commit_room(tx: &mut Tx<'_>, commit: RoomCommit) -> StoreResult<RoomOutcome> {
    match check(tx, &commit).and_then(|()| write(tx, commit)) {
        Ok(()) => Ok(RoomOutcome::Committed),
        Err(Refusal::Outcome(outcome)) => Ok(outcome),
        Err(Refusal::Store(error)) => Err(error),
    }
}

fn check(tx: &Tx<'_>, commit: &RoomCommit) -> Result<(), Refusal> {
    for txn in commit.events.iter().filter_map(|event| event.txn.as_ref()) {
        let known = super::room_reads::event_of_txn(tx.conn, txn)?;
        if let Some(event_id) = known {
            return Err(Refusal::Outcome(RoomOutcome::Duplicate { txn: txn.clone(), event_id }));
        }
    }
    for (alias, _) in &commit.aliases {
        let taken = tx
            .conn
            .prepare_cached("SELECT 1 FROM room_alias WHERE alias = ?1")?
            .exists((alias.as_str(),))?;
        if taken {
            return Err(Refusal::Outcome(RoomOutcome::AliasTaken(alias.clone())));
        }
    }
    Ok(())
}

fn write(tx: &mut Tx<'_>, commit: RoomCommit) -> Result<(), Refusal> {
    let room_nid = room_nid_or_new(tx, &commit)?;
    let mut last = Position::default();
    for event in &commit.events {
        last = write_event(tx, room_nid, &commit, event)?;
    }
    for invitation in &commit.invitations {
        super::third_party_invites::put(tx.conn, &commit.room_id, invitation)?;
    }
    let extremities: Vec<(&str, u64)> =
        commit.extremities.iter().map(|(id, depth)| (id.as_str(), *depth)).collect();
    let extremities = serde_json::to_string(&extremities)
        .map_err(|error| StoreError::Corrupt(error.to_string()))?;
    tx.conn
        .prepare_cached(
            "UPDATE room SET extremities = ?2, last_pos = max(last_pos, ?3),
                    is_public = coalesce(?4, is_public) WHERE nid = ?1",
        )?
        .execute(params![room_nid, extremities, last.0.cast_signed(), commit.is_public])?;
    for (alias, creator) in &commit.aliases {
        tx.conn
            .prepare_cached("INSERT INTO room_alias (alias, room_id, creator) VALUES (?1, ?2, ?3)")?
            .execute((alias.as_str(), commit.room_id.as_str(), creator.as_str()))?;
    }
    tx.after_commit(commit.publish);
    Ok(())
}

fn room_nid_or_new(tx: &Tx<'_>, commit: &RoomCommit) -> StoreResult<i64> {
    if let Some(nid) = room_nid(tx.conn, commit.room_id.as_str())? {
        return Ok(nid);
    }
    tx.conn
        .prepare_cached(
            "INSERT INTO room (room_id, version, extremities, last_pos) VALUES (?1, ?2, '[]', 0)",
        )?
        .execute((commit.room_id.as_str(), commit.version.as_str()))?;
    Ok(tx.conn.last_insert_rowid())
}

/// The number that stands for a room inside the database.
pub(super) fn room_nid(conn: &rusqlite::Connection, room_id: &str) -> StoreResult<Option<i64>> {
    Ok(conn
        .prepare_cached("SELECT nid FROM room WHERE room_id = ?1")?
        .query_row((room_id,), |row| row.get(0))
        .optional()?)
}

fn write_event(
    tx: &mut Tx<'_>,
    room_nid: i64,
    commit: &RoomCommit,
    new: &CommitEvent,
) -> StoreResult<Position> {
    let pos = tx.take_position();
    let nid = pos.0.cast_signed();
    let event = &new.event;
    let txn = new.txn.as_ref();
    tx.conn
        .prepare_cached(
            "INSERT INTO event (nid, room_nid, event_id, flags, device_nid, txn_path, txn_id, json,
                replaces)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            nid,
            room_nid,
            event.event_id().as_str(),
            new.flags.0,
            txn.map(|txn| txn.device_nid),
            txn.map(|txn| txn.path),
            txn.map(|txn| &*txn.txn_id),
            event.json(),
            replaced(tx, room_nid, event)?,
        ])?;
    new.pos.set(pos);
    if new.flags.has(EventFlags::REJECTED) {
        return Ok(pos);
    }
    if !new.flags.has(EventFlags::SOFT_FAILED) {
        show(tx, room_nid, commit, new, pos)?;
    }
    if let Some((parent, rel_type)) = &new.relation {
        tx.conn
            .prepare_cached(
                "INSERT INTO relation (parent_id, rel_type, nid, room_nid, type, sender)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?
            .execute(params![
                parent.as_str(),
                rel_type,
                nid,
                room_nid,
                event.kind(),
                event.sender().as_str()
            ])?;
    }
    if let Some(redaction) = &new.redaction {
        redact(tx, redaction, nid)?;
    }
    Ok(pos)
}

/// The state event whose place `event` takes.
fn replaced(tx: &Tx<'_>, room_nid: i64, event: &Event) -> StoreResult<Option<i64>> {
    let Some(state_key) = event.state_key() else { return Ok(None) };
    Ok(tx
        .conn
        .prepare_cached(
            "SELECT event_nid FROM current_state
             WHERE room_nid = ?1 AND type = ?2 AND state_key = ?3",
        )?
        .query_row((room_nid, event.kind(), state_key), |row| row.get(0))
        .optional()?)
}

/// Puts an accepted event into the timeline, the state, the counts and the log.
fn show(
    tx: &mut Tx<'_>,
    room_nid: i64,
    commit: &RoomCommit,
    new: &CommitEvent,
    pos: Position,
) -> StoreResult<()> {
    let nid = pos.0.cast_signed();
    // The event is the last of its room: a position is new.
    tx.conn
        .prepare_cached(
            "INSERT INTO timeline (room_nid, nid, flags, ts, behind) VALUES (?1, ?2, ?3, ?4,
                max(0, coalesce((SELECT ts + behind FROM timeline WHERE room_nid = ?1
                                 ORDER BY nid DESC LIMIT 1) - ?4, 0)))",
        )?
        .execute((room_nid, nid, new.flags.0, new.event.origin_server_ts()))?;
    for user in &new.highlights {
        tx.conn
            .prepare_cached(
                "INSERT OR IGNORE INTO highlight (user_id, room_nid, nid) VALUES (?1, ?2, ?3)",
            )?
            .execute((user.as_str(), room_nid, nid))?;
    }
    tx.record_at(pos, FactKind::Event { room_id: commit.room_id.clone() });
    if let Some(state_key) = new.event.state_key() {
        change_state(tx, room_nid, commit, new, (state_key, pos))?;
    }
    Ok(())
}

fn change_state(
    tx: &mut Tx<'_>,
    room_nid: i64,
    commit: &RoomCommit,
    new: &CommitEvent,
    (state_key, pos): (&str, Position),
) -> StoreResult<()> {
    let nid = pos.0.cast_signed();
    let kind = new.event.kind();
    tx.conn
        .prepare_cached(
            "INSERT INTO state_change (room_nid, type, state_key, nid, event_nid)
             VALUES (?1, ?2, ?3, ?4, ?4)",
        )?
        .execute((room_nid, kind, state_key, nid))?;
    tx.conn
        .prepare_cached(
            "INSERT INTO current_state (room_nid, type, state_key, event_nid)
             VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET event_nid = excluded.event_nid",
        )?
        .execute((room_nid, kind, state_key, nid))?;
    let sender = new.event.sender().as_str();
    let room_id = commit.room_id.as_str();
    super::delayed_events::end_with_state(tx.conn, room_id, (kind, state_key), sender)?;
    if kind == estafette_core::third_party_invite::KIND {
        // Whatever takes the place of an offer ends it; one that is new is written afterwards.
        super::third_party_invites::end(tx.conn, Some(room_id), state_key)?;
    }
    if kind != "m.room.member" {
        return Ok(());
    }
    let user_id = estafette_core::ids::UserId::parse(state_key)
        .map_err(|_| StoreError::Corrupt("a membership of something that is no user".into()))?;
    let membership = new.event.membership().map_or("leave", |membership| membership.as_str());
    tx.conn
        .prepare_cached(
            "INSERT INTO membership (user_id, room_nid, membership, event_nid, joined_nid)
             VALUES (?1, ?2, ?3, ?4, iif(?3 = 'join', ?4, 0))
             ON CONFLICT DO UPDATE SET membership = excluded.membership,
                    event_nid = excluded.event_nid, forgotten = 0,
                    joined_nid = iif(membership = 'join' AND excluded.membership = 'join',
                                     joined_nid, excluded.joined_nid)",
        )?
        .execute((state_key, room_nid, membership, nid))?;
    tx.record_at(pos, FactKind::Membership { room_id: commit.room_id.clone(), user_id });
    Ok(())
}

fn redact(tx: &Tx<'_>, redaction: &AppliedRedaction, by: i64) -> StoreResult<()> {
    let target = redaction.target.as_str();
    let row: Option<(i64, i64)> = tx
        .conn
        .prepare_cached(
            "UPDATE event SET json = ?2, redacted_by = ?3, flags = (flags | ?4) & ~?5
             WHERE event_id = ?1 RETURNING nid, room_nid",
        )?
        .query_row(
            params![target, redaction.json, by, EventFlags::REDACTED.0, EventFlags::NOTIFIES.0],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?;
    let Some((nid, room_nid)) = row else { return Ok(()) };
    tx.conn
        .prepare_cached(
            "UPDATE timeline SET flags = (flags | ?3) & ~?4 WHERE room_nid = ?1 AND nid = ?2",
        )?
        .execute(params![room_nid, nid, EventFlags::REDACTED.0, EventFlags::NOTIFIES.0])?;
    tx.conn
        .prepare_cached("DELETE FROM highlight WHERE room_nid = ?1 AND nid = ?2")?
        .execute((room_nid, nid))?;
    super::third_party_invites::end_redacted(tx.conn, room_nid, nid)?;
    // A redacted event relates to nothing any more (Client-Server API, "Relationship types").
    tx.conn
        .prepare_cached("DELETE FROM relation WHERE room_nid = ?2 AND nid = ?1")?
        .execute((nid, room_nid))?;
    Ok(())
}

/// Client-Server API, "Receipts": a receipt only moves forward.
pub(super) fn put_receipt(
    tx: &mut Tx<'_>,
    room_id: &estafette_core::ids::RoomId,
    receipt: &Receipt,
) -> StoreResult<Option<Position>> {
    let Some(room_nid) = room_nid(tx.conn, room_id.as_str())? else { return Ok(None) };
    let event_nid: Option<i64> = tx
        .conn
        .prepare_cached("SELECT nid FROM event WHERE event_id = ?1 AND room_nid = ?2")?
        .query_row((receipt.event_id.as_str(), room_nid), |row| row.get(0))
        .optional()?;
    let event_nid = event_nid.unwrap_or(0);
    let previous: Option<i64> = tx
        .conn
        .prepare_cached(
            "SELECT event_nid FROM receipt
             WHERE room_nid = ?1 AND user_id = ?2 AND kind = ?3 AND thread = ?4",
        )?
        .query_row((room_nid, receipt.user_id.as_str(), &receipt.kind, &receipt.thread), |row| {
            row.get(0)
        })
        .optional()?;
    if previous.is_some_and(|previous| previous >= event_nid) {
        return Ok(None);
    }
    let pos = tx.record(FactKind::Receipt {
        room_id: room_id.clone(),
        user_id: receipt.user_id.clone(),
        private: receipt.kind == "m.read.private",
    });
    tx.conn
        .prepare_cached(
            "INSERT INTO receipt (room_nid, user_id, kind, thread, event_id, event_nid, ts, pos)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET event_id = excluded.event_id,
                    event_nid = excluded.event_nid, ts = excluded.ts, pos = excluded.pos",
        )?
        .execute(params![
            room_nid,
            receipt.user_id.as_str(),
            receipt.kind,
            receipt.thread,
            receipt.event_id.as_str(),
            event_nid,
            receipt.ts,
            pos.0.cast_signed()
        ])?;
    Ok(Some(pos))
}

/// The id of an event as a column holds it.
pub(super) fn event_id(text: &str) -> StoreResult<EventId> {
    EventId::parse(text).map_err(|_| StoreError::Corrupt(format!("event id `{text}`")))
}

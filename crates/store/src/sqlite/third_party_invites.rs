// SPDX-License-Identifier: Apache-2.0
//! Invitations of addresses on the embedded engine.

use async_trait::async_trait;
use estafette_core::{
    ids::{RoomId, UserId},
    limits::{
        INVITATION_MAILS_PER_ADDRESS, INVITATION_MAILS_PER_SENDER, INVITATION_MAILS_WINDOW_S,
    },
    third_party_invite::KIND,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{
    SqliteStore, device_rows,
    identity::{guests, outbox},
};
use crate::{
    StoreError, StoreResult,
    third_party_invites::{
        InviteSeed, NewThirdPartyInvite, Redeemable, ThirdPartyInvite, ThirdPartyInviteStore,
    },
};

const COLUMNS: &str =
    "t.nid, t.token, t.room_id, t.sender, t.address, t.seed, t.is_direct, t.expires_ts";

#[async_trait]
impl ThirdPartyInviteStore for SqliteStore {
    async fn count_invitation_mail(
        &self,
        sender: &UserId,
        address: &str,
        now_ms: i64,
    ) -> StoreResult<bool> {
        let (sender, address) = (sender.clone(), address.to_owned());
        self.write(move |tx| count_mail(tx.conn, sender.as_str(), &address, now_ms)).await
    }

    async fn third_party_invite(
        &self,
        room_id: &RoomId,
        address: &str,
        now_ms: i64,
    ) -> StoreResult<Option<ThirdPartyInvite>> {
        let (room_id, address) = (room_id.clone(), address.to_owned());
        self.read(move |conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM third_party_invite t
                 WHERE t.room_id = ?1 AND t.address = ?2 AND t.expires_ts > ?3 LIMIT 1"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query((room_id.as_str(), address, now_ms))?;
            rows.next()?.map(invite).transpose()
        })
        .await
    }

    async fn third_party_invites_in(&self, room_id: &RoomId) -> StoreResult<u64> {
        let room_id = room_id.clone();
        self.read(move |conn| {
            let count: i64 = conn
                .prepare_cached("SELECT count(*) FROM third_party_invite WHERE room_id = ?1")?
                .query_row((room_id.as_str(),), |row| row.get(0))?;
            Ok(count.cast_unsigned())
        })
        .await
    }

    async fn redeemable_invites(
        &self,
        user_id: Option<&UserId>,
        now_ms: i64,
        after: i64,
        limit: u64,
    ) -> StoreResult<Vec<Redeemable>> {
        let user_id = user_id.cloned();
        self.read(move |conn| redeemable(conn, user_id.as_ref(), (now_ms, after), limit)).await
    }

    async fn ended_invites(
        &self,
        now_ms: i64,
        after: i64,
        limit: u64,
    ) -> StoreResult<Vec<ThirdPartyInvite>> {
        self.read(move |conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM third_party_invite t
                 WHERE t.expires_ts <= ?1 AND t.nid > ?2 ORDER BY t.nid LIMIT ?3"
            );
            let mut statement = conn.prepare_cached(&sql)?;
            let mut rows = statement.query((now_ms, after, limit.cast_signed()))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push(invite(row)?);
            }
            Ok(found)
        })
        .await
    }

    async fn forget_invite(&self, token: &str) -> StoreResult<()> {
        let token = token.to_owned();
        self.write(move |tx| end(tx.conn, None, &token)).await
    }

    async fn is_invite_key_valid(&self, public_key: &str, now_ms: i64) -> StoreResult<bool> {
        let public_key = public_key.to_owned();
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT 1 FROM third_party_invite WHERE public_key = ?1 AND expires_ts > ?2",
            )?;
            Ok(statement.exists((public_key, now_ms))?)
        })
        .await
    }

    async fn is_awaited(&self, address: &str, now_ms: i64) -> StoreResult<bool> {
        let address = address.to_owned();
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(
                "SELECT 1 FROM third_party_invite WHERE address = ?1 AND expires_ts > ?2",
            )?;
            let in_a_room = statement.exists((&address, now_ms))?;
            Ok(in_a_room || guests::is_invited(conn, &address, now_ms)?)
        })
        .await
    }
}

/// Writes an invitation, its mail and, for a guest, the right to sign up. In the transaction of its
/// event.
pub(super) fn put(
    conn: &Connection,
    room_id: &RoomId,
    new: &NewThirdPartyInvite,
) -> StoreResult<()> {
    let opened =
        new.guest && guests::open(conn, &new.address, &new.sender, (new.now_ms, new.expires_ms))?;
    conn.prepare_cached(
        "INSERT INTO third_party_invite
            (token, room_id, sender, address, seed, public_key, is_direct, opened, expires_ts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        new.token,
        room_id.as_str(),
        new.sender.as_str(),
        new.address,
        new.seed.0.as_slice(),
        new.public_key,
        new.is_direct,
        opened,
        new.expires_ms,
    ])?;
    outbox::put(conn, &new.mail).map(drop)
}

/// Ends an invitation, in the transaction of the event that takes the place of its own (`room_id`)
/// or without one. The right of a guest to sign up, where it came with this, ends too unless
/// another pending invitation of the same address carries it on.
pub(super) fn end(conn: &Connection, room_id: Option<&str>, token: &str) -> StoreResult<()> {
    let ended: Option<(String, String, bool)> = conn
        .prepare_cached(
            "DELETE FROM third_party_invite WHERE token = ?1 AND room_id = coalesce(?2, room_id)
             RETURNING address, sender, opened",
        )?
        .query_row((token, room_id), |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .optional()?;
    let Some((address, sender, true)) = ended else { return Ok(()) };
    let carried = conn
        .prepare_cached(
            "UPDATE third_party_invite SET opened = 1 WHERE nid =
                (SELECT nid FROM third_party_invite WHERE address = ?1
                 ORDER BY expires_ts DESC LIMIT 1) RETURNING sender, expires_ts",
        )?
        .query_row((&address,), |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    match carried {
        Some((next, expires_ms)) => guests::hand_on(conn, &address, (&sender, &next), expires_ms),
        None => guests::close(conn, &address, &sender),
    }
}

/// An event has lost its content: if it offered a place, it does not any more.
pub(super) fn end_redacted(conn: &Connection, room_nid: i64, event_nid: i64) -> StoreResult<()> {
    let offer: Option<(String, String)> = conn
        .prepare_cached(
            "SELECT r.room_id, s.state_key FROM current_state s JOIN room r ON r.nid = s.room_nid
             WHERE s.room_nid = ?1 AND s.type = ?2 AND s.event_nid = ?3",
        )?
        .query_row((room_nid, KIND, event_nid), |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    match offer {
        Some((room_id, token)) => end(conn, Some(&room_id), &token),
        None => Ok(()),
    }
}

/// The invitation of a guest was taken back: those to rooms end with it, as if their time had come.
pub(super) fn end_all_of(conn: &Connection, address: &str) -> StoreResult<()> {
    conn.prepare_cached("UPDATE third_party_invite SET expires_ts = 0 WHERE address = ?1")?
        .execute((address,))?;
    Ok(())
}

fn count_mail(conn: &Connection, sender: &str, address: &str, now_ms: i64) -> StoreResult<bool> {
    let since_ms = now_ms.saturating_sub((INVITATION_MAILS_WINDOW_S * 1000).cast_signed());
    conn.prepare_cached("DELETE FROM invitation_mailed WHERE ts <= ?1")?.execute((since_ms,))?;
    let count = |column: &str, value: &str| -> StoreResult<i64> {
        let sql = format!("SELECT count(*) FROM invitation_mailed WHERE {column} = ?1");
        Ok(conn.prepare_cached(&sql)?.query_row((value,), |row| row.get(0))?)
    };
    if count("sender", sender)? >= i64::from(INVITATION_MAILS_PER_SENDER)
        || count("address", address)? >= i64::from(INVITATION_MAILS_PER_ADDRESS)
    {
        return Ok(false);
    }
    conn.prepare_cached("INSERT INTO invitation_mailed (sender, address, ts) VALUES (?1, ?2, ?3)")?
        .execute((sender, address, now_ms))?;
    Ok(true)
}

fn redeemable(
    conn: &Connection,
    user_id: Option<&UserId>,
    (now_ms, after): (i64, i64),
    limit: u64,
) -> StoreResult<Vec<Redeemable>> {
    // From the one account to its address, or from every invitation to its account: never a walk
    // over all people.
    let from = match user_id {
        Some(_) => {
            "account a CROSS JOIN person p ON p.account_nid = a.nid AND a.user_id = ?4
             CROSS JOIN third_party_invite t ON t.address = p.email"
        }
        None => {
            "third_party_invite t CROSS JOIN person p ON p.email = t.address
             CROSS JOIN account a ON a.nid = p.account_nid AND ?4 IS NULL"
        }
    };
    let sql = format!(
        "SELECT {COLUMNS}, a.user_id FROM {from}
         WHERE a.deactivated = 0 AND t.expires_ts > ?1 AND t.nid > ?2 ORDER BY t.nid LIMIT ?3"
    );
    let mut statement = conn.prepare_cached(&sql)?;
    let user_id = user_id.map(UserId::as_str);
    let mut rows = statement.query((now_ms, after, limit.cast_signed(), user_id))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let user_id = device_rows::user(&row.get::<_, String>(8)?)?;
        found.push(Redeemable { invite: invite(row)?, user_id });
    }
    Ok(found)
}

fn invite(row: &Row<'_>) -> StoreResult<ThirdPartyInvite> {
    let room_id: String = row.get(2)?;
    Ok(ThirdPartyInvite {
        nid: row.get(0)?,
        token: row.get(1)?,
        room_id: RoomId::parse(&room_id)
            .map_err(|_| StoreError::Corrupt(format!("room id `{room_id}`")))?,
        sender: device_rows::user(&row.get::<_, String>(3)?)?,
        address: row.get(4)?,
        seed: InviteSeed(row.get(5)?),
        is_direct: row.get(6)?,
        expires_ms: row.get(7)?,
    })
}

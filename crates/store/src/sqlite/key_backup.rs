// SPDX-License-Identifier: Apache-2.0
//! Key backups: sessions, their count and their etag change in one transaction (E12).

use async_trait::async_trait;
use estafette_core::{ids::UserId, limits::BACKUP_DELETE_ROWS_MAX};
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::SqliteStore;
use crate::{
    StoreResult,
    key_backup::{
        BackedUpSession, BackupPut, BackupScope, BackupUpdate, KeyBackup, KeyBackupState,
        KeyBackupStore,
    },
};

#[async_trait]
impl KeyBackupStore for SqliteStore {
    async fn create_backup(
        &self,
        user_id: &UserId,
        algorithm: String,
        auth_data: String,
    ) -> StoreResult<u64> {
        let user_id = user_id.clone();
        self.write(move |tx| {
            let version: i64 = tx
                .conn
                .prepare_cached(
                    "INSERT INTO key_backup (user_id, version, algorithm, auth_data)
                     VALUES (?1, 1 + (SELECT coalesce(max(version), 0) FROM key_backup
                                      WHERE user_id = ?1), ?2, ?3)
                     RETURNING version",
                )?
                .query_row((user_id.as_str(), algorithm, auth_data), |row| row.get(0))?;
            Ok(version.cast_unsigned())
        })
        .await
    }

    async fn backup(
        &self,
        user_id: &UserId,
        version: Option<u64>,
    ) -> StoreResult<Option<KeyBackup>> {
        let user_id = user_id.clone();
        self.read(move |conn| Ok(find(conn, &user_id, version)?.map(|(_, backup)| backup))).await
    }

    async fn update_backup(
        &self,
        user_id: &UserId,
        version: u64,
        algorithm: String,
        auth_data: String,
    ) -> StoreResult<BackupUpdate> {
        let user_id = user_id.clone();
        self.write(move |tx| {
            let Some((nid, backup)) = find(tx.conn, &user_id, Some(version))? else {
                return Ok(BackupUpdate::NotFound);
            };
            if backup.algorithm != algorithm {
                return Ok(BackupUpdate::OtherAlgorithm);
            }
            tx.conn
                .prepare_cached("UPDATE key_backup SET auth_data = ?2 WHERE nid = ?1")?
                .execute((nid, auth_data))?;
            Ok(BackupUpdate::Updated)
        })
        .await
    }

    async fn delete_backup(&self, user_id: &UserId, version: u64) -> StoreResult<bool> {
        let user_id = user_id.clone();
        let nid = self
            .write(move |tx| {
                let mut mark = tx.conn.prepare_cached(
                    "UPDATE key_backup SET deleted = 1, count = 0
                     WHERE user_id = ?1 AND version = ?2 RETURNING nid",
                )?;
                let parameters = (user_id.as_str(), version.cast_signed());
                Ok(mark.query_row(parameters, |row| row.get::<_, i64>(0)).optional()?)
            })
            .await?;
        let Some(nid) = nid else { return Ok(false) };
        // Marked, hence out of everybody's sight. The rows go in portions, so that a large backup
        // does not hold up other writers; after a crash between, a repeat goes on.
        while self.write(move |tx| delete_some_sessions(tx.conn, nid)).await? {}
        Ok(true)
    }

    async fn put_backup_sessions(
        &self,
        user_id: &UserId,
        version: u64,
        sessions: Vec<BackedUpSession>,
    ) -> StoreResult<BackupPut> {
        let user_id = user_id.clone();
        self.write(move |tx| {
            let Some((nid, current)) = find(tx.conn, &user_id, None)? else {
                return Ok(BackupPut::NotFound);
            };
            if current.version != version {
                let exists = find(tx.conn, &user_id, Some(version))?.is_some();
                let wrong = BackupPut::WrongVersion(current.version);
                return Ok(if exists { wrong } else { BackupPut::NotFound });
            }
            let (mut added, mut replaced) = (0, 0);
            for session in &sessions {
                match put_session(tx.conn, nid, session)? {
                    Put::Added => added += 1,
                    Put::Replaced => replaced += 1,
                    Put::Kept => {}
                }
            }
            change_state(tx.conn, nid, current.state, added, added + replaced > 0)
                .map(BackupPut::Stored)
        })
        .await
    }

    async fn backup_sessions(
        &self,
        user_id: &UserId,
        version: u64,
        scope: BackupScope,
    ) -> StoreResult<Option<Vec<BackedUpSession>>> {
        let user_id = user_id.clone();
        self.read(move |conn| match find(conn, &user_id, Some(version))? {
            Some((nid, _)) => Ok(Some(sessions(conn, nid, &scope)?)),
            None => Ok(None),
        })
        .await
    }

    async fn delete_backup_sessions(
        &self,
        user_id: &UserId,
        version: u64,
        scope: BackupScope,
    ) -> StoreResult<Option<KeyBackupState>> {
        let user_id = user_id.clone();
        self.write(move |tx| {
            let Some((nid, backup)) = find(tx.conn, &user_id, Some(version))? else {
                return Ok(None);
            };
            let (filter, room_id, session_id) = scope_filter(&scope);
            let deleted = tx
                .conn
                .prepare_cached(&format!("DELETE FROM key_backup_session WHERE {filter}"))?
                .execute((nid, room_id, session_id))?;
            let difference = -i64::try_from(deleted).unwrap_or(i64::MAX);
            change_state(tx.conn, nid, backup.state, difference, deleted > 0).map(Some)
        })
        .await
    }
}

/// A version that was not deleted, or the current one.
fn find(
    conn: &Connection,
    user_id: &UserId,
    version: Option<u64>,
) -> StoreResult<Option<(i64, KeyBackup)>> {
    let mut statement = conn.prepare_cached(
        "SELECT nid, version, algorithm, auth_data, etag, count FROM key_backup
         WHERE user_id = ?1 AND deleted = 0 AND (?2 IS NULL OR version = ?2)
         ORDER BY version DESC LIMIT 1",
    )?;
    let backup = |row: &Row<'_>| {
        let number = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let state = KeyBackupState { etag: number(4)?, count: number(5)? };
        let (algorithm, auth_data) = (row.get(2)?, row.get(3)?);
        Ok((row.get(0)?, KeyBackup { version: number(1)?, algorithm, auth_data, state }))
    };
    let version = version.map(u64::cast_signed);
    Ok(statement.query_row((user_id.as_str(), version), backup).optional()?)
}

enum Put {
    Added,
    Replaced,
    Kept,
}

fn put_session(conn: &Connection, nid: i64, session: &BackedUpSession) -> StoreResult<Put> {
    let parameters = (
        nid,
        &session.room_id,
        &session.session_id,
        session.first_message_index,
        session.forwarded_count,
        session.is_verified,
        &session.session_data,
    );
    let added = conn
        .prepare_cached("INSERT OR IGNORE INTO key_backup_session VALUES (?1,?2,?3,?4,?5,?6,?7)")?
        .execute(parameters)?;
    if added > 0 {
        return Ok(Put::Added);
    }
    // Verified first, then the earlier index, then the fewer forwards; equal keys stay.
    let replaced = conn
        .prepare_cached(
            "UPDATE key_backup_session SET first_message_index = ?4, forwarded_count = ?5,
                 is_verified = ?6, session_data = ?7
             WHERE backup_nid = ?1 AND room_id = ?2 AND session_id = ?3
               AND (1 - ?6, ?4, ?5) < (1 - is_verified, first_message_index, forwarded_count)",
        )?
        .execute(parameters)?;
    Ok(if replaced > 0 { Put::Replaced } else { Put::Kept })
}

fn change_state(
    conn: &Connection,
    nid: i64,
    old: KeyBackupState,
    difference: i64,
    changed: bool,
) -> StoreResult<KeyBackupState> {
    if !changed {
        return Ok(old);
    }
    let new = KeyBackupState {
        etag: old.etag.saturating_add(1),
        count: old.count.saturating_add_signed(difference),
    };
    conn.prepare_cached("UPDATE key_backup SET etag = ?2, count = ?3 WHERE nid = ?1")?
        .execute((nid, new.etag.cast_signed(), new.count.cast_signed()))?;
    Ok(new)
}

/// The condition that selects a scope, and its second and third parameter.
fn scope_filter(scope: &BackupScope) -> (&'static str, Option<&str>, Option<&str>) {
    match scope {
        // The parameters are named so that every form takes three of them.
        BackupScope::All => ("backup_nid = ?1 AND ?2 IS NULL AND ?3 IS NULL", None, None),
        BackupScope::Room(room_id) => {
            ("backup_nid = ?1 AND room_id = ?2 AND ?3 IS NULL", Some(room_id), None)
        }
        BackupScope::Session(room_id, session_id) => (
            "backup_nid = ?1 AND room_id = ?2 AND session_id = ?3",
            Some(room_id),
            Some(session_id),
        ),
    }
}

fn sessions(conn: &Connection, nid: i64, scope: &BackupScope) -> StoreResult<Vec<BackedUpSession>> {
    let (filter, room_id, session_id) = scope_filter(scope);
    let mut statement = conn.prepare_cached(&format!(
        "SELECT room_id, session_id, first_message_index, forwarded_count, is_verified, session_data
         FROM key_backup_session WHERE {filter} ORDER BY room_id, session_id"
    ))?;
    let rows = statement.query_map((nid, room_id, session_id), |row| {
        Ok(BackedUpSession {
            room_id: row.get(0)?,
            session_id: row.get(1)?,
            first_message_index: row.get(2)?,
            forwarded_count: row.get(3)?,
            is_verified: row.get(4)?,
            session_data: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Deletes a portion of a deleted backup's sessions; whether there are more.
fn delete_some_sessions(conn: &Connection, nid: i64) -> StoreResult<bool> {
    let deleted = conn
        .prepare_cached(
            "DELETE FROM key_backup_session WHERE (backup_nid, room_id, session_id) IN (
                 SELECT backup_nid, room_id, session_id FROM key_backup_session
                 WHERE backup_nid = ?1 LIMIT ?2)",
        )?
        .execute((nid, i64::try_from(BACKUP_DELETE_ROWS_MAX).unwrap_or(i64::MAX)))?;
    Ok(deleted >= BACKUP_DELETE_ROWS_MAX)
}

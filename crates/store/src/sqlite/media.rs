// SPDX-License-Identifier: Apache-2.0
//! Media on the embedded engine.

use async_trait::async_trait;
use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::SqliteStore;
use crate::{
    MediaStore, StoreError, StoreResult,
    media::{Content, ContentHash, Media, Upload, UploadOutcome},
};

const MEDIA_COLUMNS: &str = "m.nid, m.media_id, m.owner, m.created_ts, m.expires_ts, \
                             m.content_type, m.filename, b.sha256, b.bytes";
const MEDIA_TABLES: &str = "media m LEFT JOIN media_blob b ON b.nid = m.blob_nid";

#[async_trait]
impl MediaStore for SqliteStore {
    async fn reserve_media(
        &self,
        upload: Upload,
        expires_ms: i64,
        pending_max: u64,
    ) -> StoreResult<bool> {
        self.write(move |tx| {
            let pending: i64 = tx
                .conn
                .prepare_cached(
                    "SELECT count(*) FROM media
                     WHERE blob_nid IS NULL AND owner = ?1 AND expires_ts > ?2",
                )?
                .query_row((upload.owner.as_str(), upload.now_ms), |row| row.get(0))?;
            if pending.cast_unsigned() >= pending_max {
                return Ok(false);
            }
            insert(tx.conn, &upload, Some(expires_ms))?;
            Ok(true)
        })
        .await
    }

    async fn finish_upload(&self, upload: Upload, content: Content) -> StoreResult<UploadOutcome> {
        self.write(move |tx| finish(tx.conn, &upload, &content)).await
    }

    async fn check_upload(&self, upload: Upload, bytes: u64) -> StoreResult<UploadOutcome> {
        self.read(move |conn| Ok(may_finish(conn, &upload, bytes)?.0)).await
    }

    async fn media(&self, media_id: &str) -> StoreResult<Option<Media>> {
        let media_id = media_id.to_owned();
        self.read(move |conn| Ok(load(conn, &media_id)?.map(|(_, media)| media))).await
    }

    async fn media_of(
        &self,
        owner: &UserId,
        before: i64,
        limit: usize,
    ) -> StoreResult<Vec<(i64, Media)>> {
        let owner = owner.clone();
        self.read(move |conn| {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {MEDIA_COLUMNS} FROM {MEDIA_TABLES}
                 WHERE m.owner = ?1 AND (?2 = 0 OR m.nid < ?2) ORDER BY m.nid DESC LIMIT ?3"
            ))?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let mut rows = statement.query((owner.as_str(), before, limit))?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                found.push((row.get(0)?, media(row)?));
            }
            Ok(found)
        })
        .await
    }

    async fn media_usage(&self, owner: &UserId) -> StoreResult<(u64, u64)> {
        let owner = owner.clone();
        self.read(move |conn| usage(conn, &owner)).await
    }

    async fn delete_media(&self, media_id: &str) -> StoreResult<bool> {
        let media_id = media_id.to_owned();
        self.write(move |tx| {
            let Some((nid, media)) = load(tx.conn, &media_id)? else { return Ok(false) };
            tx.conn.prepare_cached("DELETE FROM media WHERE nid = ?1")?.execute((nid,))?;
            if let Some(content) = &media.content {
                release(tx.conn, &media.owner, content)?;
            }
            Ok(true)
        })
        .await
    }

    async fn expire_media(&self, now_ms: i64) -> StoreResult<u64> {
        self.write(move |tx| {
            let mut statement = tx
                .conn
                .prepare_cached("DELETE FROM media WHERE blob_nid IS NULL AND expires_ts <= ?1")?;
            Ok(u64::try_from(statement.execute((now_ms,))?).unwrap_or(u64::MAX))
        })
        .await
    }

    async fn doomed(&self, limit: usize) -> StoreResult<Vec<ContentHash>> {
        self.read(move |conn| {
            let mut statement = conn.prepare_cached("SELECT sha256 FROM media_doomed LIMIT ?1")?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let hashes = statement.query_map((limit,), |row| row.get(0))?;
            Ok(hashes.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn has_content(&self, sha256: &ContentHash) -> StoreResult<bool> {
        let sha256 = *sha256;
        self.read(move |conn| Ok(blob_nid(conn, &sha256)?.is_some())).await
    }

    async fn forget_doomed(&self, sha256: &ContentHash) -> StoreResult<()> {
        let sha256 = *sha256;
        self.write(move |tx| {
            let mut statement =
                tx.conn.prepare_cached("DELETE FROM media_doomed WHERE sha256 = ?1")?;
            statement.execute((sha256,))?;
            Ok(())
        })
        .await
    }
}

fn insert(conn: &Connection, upload: &Upload, expires_ms: Option<i64>) -> StoreResult<i64> {
    conn.prepare_cached(
        "INSERT INTO media (media_id, owner, created_ts, expires_ts) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((&upload.media_id, upload.owner.as_str(), upload.now_ms, expires_ms))?;
    Ok(conn.last_insert_rowid())
}

/// Whether the upload may end, and the row of its reservation.
fn may_finish(
    conn: &Connection,
    upload: &Upload,
    bytes: u64,
) -> StoreResult<(UploadOutcome, Option<i64>)> {
    let mut reservation = None;
    if upload.reserved {
        let Some((nid, media)) = load(conn, &upload.media_id)? else {
            return Ok((UploadOutcome::Unknown, None));
        };
        if media.owner != upload.owner {
            return Ok((UploadOutcome::NotYours, None));
        }
        if media.content.is_some() {
            return Ok((UploadOutcome::Overwrite, None));
        }
        if media.expires_ms.is_some_and(|expires_ms| expires_ms <= upload.now_ms) {
            return Ok((UploadOutcome::Unknown, None));
        }
        reservation = Some(nid);
    }
    if upload.account_bytes_max > 0 {
        let (_, used) = usage(conn, &upload.owner)?;
        if used.saturating_add(bytes) > upload.account_bytes_max {
            return Ok((UploadOutcome::QuotaExceeded, None));
        }
    }
    Ok((UploadOutcome::Stored, reservation))
}

fn finish(conn: &Connection, upload: &Upload, content: &Content) -> StoreResult<UploadOutcome> {
    let (outcome, reservation) = may_finish(conn, upload, content.bytes)?;
    if outcome != UploadOutcome::Stored {
        return Ok(outcome);
    }
    let nid = match reservation {
        Some(nid) => nid,
        None => insert(conn, upload, None)?,
    };
    conn.prepare_cached(
        "INSERT INTO media_blob (sha256, bytes, refs) VALUES (?1, ?2, 1)
         ON CONFLICT (sha256) DO UPDATE SET refs = refs + 1",
    )?
    .execute((content.sha256, content.bytes.cast_signed()))?;
    let blob = blob_nid(conn, &content.sha256)?;
    conn.prepare_cached(
        "UPDATE media SET blob_nid = ?2, content_type = ?3, filename = ?4, expires_ts = NULL
         WHERE nid = ?1",
    )?
    .execute((nid, blob, &content.content_type, &content.filename))?;
    conn.prepare_cached("DELETE FROM media_doomed WHERE sha256 = ?1")?
        .execute((content.sha256,))?;
    conn.prepare_cached(
        "INSERT INTO media_usage (owner, files, bytes) VALUES (?1, 1, ?2)
         ON CONFLICT (owner) DO UPDATE SET files = files + 1, bytes = bytes + excluded.bytes",
    )?
    .execute((upload.owner.as_str(), content.bytes.cast_signed()))?;
    Ok(UploadOutcome::Stored)
}

/// Takes one reference from a content; the last one dooms it.
fn release(conn: &Connection, owner: &UserId, content: &Content) -> StoreResult<()> {
    conn.prepare_cached(
        "UPDATE media_usage SET files = files - 1, bytes = bytes - ?2 WHERE owner = ?1",
    )?
    .execute((owner.as_str(), content.bytes.cast_signed()))?;
    conn.prepare_cached("UPDATE media_blob SET refs = refs - 1 WHERE sha256 = ?1")?
        .execute((content.sha256,))?;
    let gone = conn
        .prepare_cached("DELETE FROM media_blob WHERE sha256 = ?1 AND refs <= 0")?
        .execute((content.sha256,))?;
    if gone > 0 {
        conn.prepare_cached("INSERT OR IGNORE INTO media_doomed (sha256) VALUES (?1)")?
            .execute((content.sha256,))?;
    }
    Ok(())
}

fn blob_nid(conn: &Connection, sha256: &ContentHash) -> StoreResult<Option<i64>> {
    let mut statement = conn.prepare_cached("SELECT nid FROM media_blob WHERE sha256 = ?1")?;
    Ok(statement.query_row((sha256,), |row| row.get(0)).optional()?)
}

fn usage(conn: &Connection, owner: &UserId) -> StoreResult<(u64, u64)> {
    let mut statement =
        conn.prepare_cached("SELECT files, bytes FROM media_usage WHERE owner = ?1")?;
    let found: Option<(i64, i64)> =
        statement.query_row((owner.as_str(),), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    let (files, bytes) = found.unwrap_or((0, 0));
    Ok((files.max(0).cast_unsigned(), bytes.max(0).cast_unsigned()))
}

fn load(conn: &Connection, media_id: &str) -> StoreResult<Option<(i64, Media)>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {MEDIA_COLUMNS} FROM {MEDIA_TABLES} WHERE m.media_id = ?1"
    ))?;
    let mut rows = statement.query((media_id,))?;
    match rows.next()? {
        None => Ok(None),
        Some(row) => Ok(Some((row.get(0)?, media(row)?))),
    }
}

fn media(row: &Row<'_>) -> StoreResult<Media> {
    let content = match row.get::<_, Option<ContentHash>>(7)? {
        None => None,
        Some(sha256) => Some(Content {
            sha256,
            bytes: row.get::<_, i64>(8)?.cast_unsigned(),
            content_type: row.get(5)?,
            filename: row.get(6)?,
        }),
    };
    let owner: String = row.get(2)?;
    let owner = UserId::parse(&owner)
        .map_err(|error| StoreError::Corrupt(format!("media owner {owner}: {error}")))?;
    Ok(Media {
        media_id: row.get(1)?,
        owner,
        created_ms: row.get(3)?,
        expires_ms: row.get(4)?,
        content,
    })
}

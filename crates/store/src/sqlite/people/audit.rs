// SPDX-License-Identifier: Apache-2.0
//! The audit log: each line's hash is over the line before it, so that none can be changed, moved
//! or taken out without showing.

use rusqlite::{Connection, Row};
use sha2::{Digest as _, Sha256};

use crate::{
    StoreError, StoreResult,
    people::{AuditEntry, AuditLine, AuditPage, AuditVerdict},
    sqlite::Tx,
};

const COLUMNS: &str = "seq, ts, actor, act, subject, details, reason, sha256";

/// Adds a line in the transaction of what it tells of. `details` is a JSON object.
pub(in crate::sqlite) fn append(
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    subject: Option<&str>,
    (act, details): (&str, &str),
) -> StoreResult<()> {
    let (last, before) = head(tx.conn)?;
    let mut line = AuditLine {
        seq: last + 1,
        at_ms: entry.now_ms,
        actor: entry.actor.clone(),
        act: act.to_owned(),
        subject: subject.map(str::to_owned),
        details: details.to_owned(),
        reason: entry.reason.clone(),
        sha256: [0; 32],
    };
    line.sha256 = hash(&before, &line);
    tx.conn
        .prepare_cached(
            "INSERT INTO audit (seq, ts, actor, act, subject, details, reason, sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute((
            line.seq.cast_signed(),
            line.at_ms,
            &line.actor,
            &line.act,
            &line.subject,
            &line.details,
            &line.reason,
            line.sha256,
        ))?;
    tx.conn
        .prepare_cached("UPDATE audit_head SET seq = ?1, sha256 = ?2")?
        .execute((line.seq.cast_signed(), line.sha256))?;
    // A log that leaves the machine makes even a rewritten chain show.
    tx.after_commit(move || {
        let AuditLine { seq, actor, act, subject, details, reason, .. } = &line;
        let sha256 = hex(&line.sha256);
        tracing::info!(
            target: "audit", seq, actor, act, subject, details, reason, sha256, "administrative act"
        );
    });
    Ok(())
}

fn head(conn: &Connection) -> StoreResult<(u64, [u8; 32])> {
    let mut statement = conn.prepare_cached("SELECT seq, sha256 FROM audit_head")?;
    let (seq, sha256): (i64, [u8; 32]) =
        statement.query_row((), |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok((seq.cast_unsigned(), sha256))
}

/// SHA-256 over the hash before and every field with its length, so that no two lines look alike.
fn hash(before: &[u8; 32], line: &AuditLine) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(before);
    hasher.update(line.seq.to_be_bytes());
    hasher.update(line.at_ms.to_be_bytes());
    let texts = [
        Some(&line.actor),
        Some(&line.act),
        line.subject.as_ref(),
        Some(&line.details),
        line.reason.as_ref(),
    ];
    for text in texts {
        match text {
            None => hasher.update([0]),
            Some(text) => {
                hasher.update([1]);
                hasher.update(text.len().to_be_bytes());
                hasher.update(text.as_bytes());
            }
        }
    }
    hasher.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(row: &Row<'_>) -> rusqlite::Result<AuditLine> {
    Ok(AuditLine {
        seq: row.get::<_, i64>(0)?.cast_unsigned(),
        at_ms: row.get(1)?,
        actor: row.get(2)?,
        act: row.get(3)?,
        subject: row.get(4)?,
        details: row.get(5)?,
        reason: row.get(6)?,
        sha256: row.get(7)?,
    })
}

/// Lines, newest first.
pub(super) fn list(conn: &Connection, page: &AuditPage) -> StoreResult<Vec<AuditLine>> {
    let mut statement = conn.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM audit WHERE (?1 IS NULL OR seq < ?1)
         AND (?2 IS NULL OR subject = ?2) ORDER BY seq DESC LIMIT ?3"
    ))?;
    let before = page.before.map(u64::cast_signed);
    let lines = statement.query_map((before, &page.subject, page.limit.cast_signed()), line)?;
    Ok(lines.collect::<Result<_, _>>()?)
}

/// Walks along all lines.
pub(super) fn verify(conn: &Connection) -> StoreResult<AuditVerdict> {
    let (last, head) = head(conn)?;
    let mut verdict = AuditVerdict { lines: 0, head, broken: None };
    let mut before = [0; 32];
    let mut statement = conn.prepare(&format!("SELECT {COLUMNS} FROM audit ORDER BY seq"))?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let expected = verdict.lines + 1;
        let line = line(row).map_err(StoreError::from)?;
        if line.seq != expected {
            verdict.broken = Some((expected, "the line is missing".into()));
            return Ok(verdict);
        }
        if line.sha256 != hash(&before, &line) {
            verdict.broken = Some((expected, "the line was changed".into()));
            return Ok(verdict);
        }
        before = line.sha256;
        verdict.lines = expected;
    }
    if (last, head) != (verdict.lines, before) {
        let next = verdict.lines + 1;
        verdict.broken = Some((next, "the end of the log is missing or was rewritten".into()));
    }
    Ok(verdict)
}

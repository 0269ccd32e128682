// SPDX-License-Identifier: Apache-2.0
//! Other OpenID providers, on the embedded engine.

use async_trait::async_trait;
use estafette_core::{ids::UserId, limits::UPSTREAM_SIDS_MAX};
use rusqlite::{Connection, OptionalExtension as _, Row};
use serde_json::json;

use super::{SqliteStore, Tx, device_rows, people::audit};
use crate::{
    StoreResult,
    accounts::TokenHash,
    people::AuditEntry,
    upstream::{
        LinkOutcome, LinkReason, UpstreamLink, UpstreamLogout, UpstreamSession, UpstreamStore,
    },
};

#[async_trait]
impl UpstreamStore for SqliteStore {
    async fn upstream_user(&self, provider: &str, subject: &str) -> StoreResult<Option<UserId>> {
        let (provider, subject) = (provider.to_owned(), subject.to_owned());
        self.read(move |conn| user(conn, &provider, &subject)).await
    }

    async fn upstream_providers(&self, user_id: &UserId) -> StoreResult<Vec<String>> {
        let user_id = user_id.clone();
        self.read(move |conn| providers(conn, &user_id)).await
    }

    async fn upstream_links(&self, user_id: &UserId) -> StoreResult<Vec<UpstreamLink>> {
        let user_id = user_id.clone();
        self.read(move |conn| links(conn, &user_id)).await
    }

    async fn upstream_links_after(
        &self,
        provider: &str,
        domain: Option<&str>,
        after: &str,
        limit: u64,
    ) -> StoreResult<Vec<UpstreamLink>> {
        let (provider, domain) = (provider.to_owned(), domain.map(str::to_owned));
        let after = after.to_owned();
        self.read(move |conn| links_after(conn, &provider, domain.as_deref(), (&after, limit)))
            .await
    }

    async fn unlink_upstream(
        &self,
        entry: AuditEntry,
        provider: &str,
        users: Vec<UserId>,
    ) -> StoreResult<u64> {
        let provider = provider.to_owned();
        self.write(move |tx| unlink_all(tx, &entry, &provider, &users)).await
    }

    async fn link_upstream(
        &self,
        provider: &str,
        subject: &str,
        user_id: &UserId,
        reason: LinkReason,
    ) -> StoreResult<LinkOutcome> {
        let (provider, subject) = (provider.to_owned(), subject.to_owned());
        let user_id = user_id.clone();
        self.write(move |tx| link(tx.conn, &provider, &subject, &user_id, reason)).await
    }

    async fn put_upstream_session(
        &self,
        cookie: TokenHash,
        session: UpstreamSession,
    ) -> StoreResult<()> {
        self.write(move |tx| put(tx.conn, &cookie, &session)).await
    }

    async fn upstream_session(
        &self,
        cookie: TokenHash,
        now_ms: i64,
    ) -> StoreResult<Option<UpstreamSession>> {
        self.read(move |conn| find(conn, &cookie, now_ms)).await
    }

    async fn take_upstream_session(
        &self,
        cookie: TokenHash,
    ) -> StoreResult<Option<UpstreamSession>> {
        self.write(move |tx| take(tx.conn, &cookie)).await
    }

    async fn end_upstream_sessions(
        &self,
        provider: &str,
        which: UpstreamLogout,
    ) -> StoreResult<Vec<UserId>> {
        let provider = provider.to_owned();
        self.write(move |tx| end(tx.conn, &provider, &which)).await
    }

    async fn sweep_upstream_sessions(&self, now_ms: i64) -> StoreResult<usize> {
        self.write(move |tx| sweep(tx.conn, now_ms)).await
    }
}

fn user(conn: &Connection, provider: &str, subject: &str) -> StoreResult<Option<UserId>> {
    let mut statement = conn
        .prepare_cached("SELECT user_id FROM upstream_link WHERE provider = ?1 AND subject = ?2")?;
    let found: Option<String> =
        statement.query_row((provider, subject), |row| row.get(0)).optional()?;
    found.map(|user_id| device_rows::user(&user_id)).transpose()
}

fn providers(conn: &Connection, user_id: &UserId) -> StoreResult<Vec<String>> {
    let mut statement = conn.prepare_cached(
        "SELECT provider FROM upstream_link WHERE user_id = ?1 ORDER BY provider",
    )?;
    let rows = statement.query_map((user_id.as_str(),), |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn link(
    conn: &Connection,
    provider: &str,
    subject: &str,
    user_id: &UserId,
    reason: LinkReason,
) -> StoreResult<LinkOutcome> {
    if let Some(known) = user(conn, provider, subject)? {
        let same = known == *user_id;
        return Ok(if same { LinkOutcome::Linked } else { LinkOutcome::Different });
    }
    let enough = match reason {
        LinkReason::Proven => true,
        LinkReason::Authority => is_nobodys(conn, user_id)?,
        LinkReason::Address => is_nobodys(conn, user_id)? && is_unused(conn, user_id)?,
    };
    if !enough {
        return Ok(LinkOutcome::Unproven);
    }
    unlink(conn, user_id, Some(provider))?;
    conn.prepare_cached(
        "INSERT INTO upstream_link (provider, subject, user_id) VALUES (?1, ?2, ?3)",
    )?
    .execute((provider, subject, user_id.as_str()))?;
    Ok(LinkOutcome::Linked)
}

fn links(conn: &Connection, user_id: &UserId) -> StoreResult<Vec<UpstreamLink>> {
    let mut statement = conn.prepare_cached(
        "SELECT provider, subject, user_id FROM upstream_link WHERE user_id = ?1
         ORDER BY provider",
    )?;
    let rows = statement.query_map((user_id.as_str(),), link_row)?;
    rows.map(|row| known(row?)).collect()
}

fn links_after(
    conn: &Connection,
    provider: &str,
    domain: Option<&str>,
    (after, limit): (&str, u64),
) -> StoreResult<Vec<UpstreamLink>> {
    let mut statement = conn.prepare_cached(
        "SELECT l.provider, l.subject, l.user_id FROM upstream_link l
         WHERE l.provider = ?1 AND l.subject > ?3
         AND (?2 IS NULL OR EXISTS (
             SELECT 1 FROM account a JOIN person p ON p.account_nid = a.nid
             WHERE a.user_id = l.user_id AND substr(p.email, instr(p.email, '@') + 1) = ?2))
         ORDER BY l.subject LIMIT ?4",
    )?;
    let rows = statement.query_map((provider, domain, after, limit.cast_signed()), link_row)?;
    rows.map(|row| known(row?)).collect()
}

fn link_row(row: &Row<'_>) -> rusqlite::Result<(String, String, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn known((provider, subject, user_id): (String, String, String)) -> StoreResult<UpstreamLink> {
    Ok(UpstreamLink { provider, subject, user_id: device_rows::user(&user_id)? })
}

/// See [`UpstreamStore::unlink_upstream`].
fn unlink_all(
    tx: &mut Tx<'_>,
    entry: &AuditEntry,
    provider: &str,
    users: &[UserId],
) -> StoreResult<u64> {
    let details = json!({ "provider": provider }).to_string();
    let mut unlinked = 0;
    for user_id in users {
        if unlink(tx.conn, user_id, Some(provider))? {
            let line = ("account.unlink", &*details);
            audit::append(tx, entry, Some(user_id.as_str()), line)?;
            unlinked += 1;
        }
    }
    Ok(unlinked)
}

/// Forgets who somebody is at a provider, or at all of them, and the sessions that were theirs
/// there, with the browsers that these signed in. Whether they were known.
pub(super) fn unlink(
    conn: &Connection,
    user_id: &UserId,
    provider: Option<&str>,
) -> StoreResult<bool> {
    let mut known = 0;
    for sql in [
        "DELETE FROM browser_session WHERE sha256 IN
             (SELECT cookie FROM upstream_session WHERE (provider, subject) IN
                 (SELECT provider, subject FROM upstream_link
                  WHERE user_id = ?1 AND provider = ifnull(?2, provider)))",
        "DELETE FROM upstream_session WHERE (provider, subject) IN
             (SELECT provider, subject FROM upstream_link
              WHERE user_id = ?1 AND provider = ifnull(?2, provider))",
        "DELETE FROM upstream_sid WHERE (provider, subject) IN
             (SELECT provider, subject FROM upstream_link
              WHERE user_id = ?1 AND provider = ifnull(?2, provider))",
        "DELETE FROM upstream_link WHERE user_id = ?1 AND provider = ifnull(?2, provider)",
    ] {
        known = conn.prepare_cached(sql)?.execute((user_id.as_str(), provider))?;
    }
    Ok(known > 0)
}

/// Whether a user is no subject of any provider.
fn is_nobodys(conn: &Connection, user_id: &UserId) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached("SELECT 1 FROM upstream_link WHERE user_id = ?1")?;
    Ok(!statement.exists((user_id.as_str(),))?)
}

/// Whether nobody can have used an account: it has no password, no device, and never had one.
fn is_unused(conn: &Connection, user_id: &UserId) -> StoreResult<bool> {
    let mut statement = conn.prepare_cached(
        "SELECT 1 FROM account a WHERE a.user_id = ?1
         AND a.password_hash IS NULL AND a.seen_ts IS NULL
         AND NOT EXISTS (SELECT 1 FROM device d WHERE d.user_id = a.user_id)",
    )?;
    Ok(statement.exists((user_id.as_str(),))?)
}

fn put(conn: &Connection, cookie: &TokenHash, session: &UpstreamSession) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO upstream_session
             (cookie, provider, subject, sid, id_token, expires_ts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((
        cookie.0,
        &session.provider,
        &session.subject,
        &session.sid,
        &session.id_token,
        session.expires_ms,
    ))?;
    if let (Some(sid), Some(until_ms)) = (&session.sid, session.sid_until_ms) {
        remember_sid(conn, &session.provider, sid, &session.subject, until_ms)?;
    }
    Ok(())
}

fn remember_sid(
    conn: &Connection,
    provider: &str,
    sid: &str,
    subject: &str,
    until_ms: i64,
) -> StoreResult<()> {
    conn.prepare_cached(
        "INSERT OR REPLACE INTO upstream_sid (provider, sid, subject, expires_ts)
         VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((provider, sid, subject, until_ms))?;
    conn.prepare_cached(
        "DELETE FROM upstream_sid WHERE provider = ?1 AND subject = ?2 AND sid NOT IN
             (SELECT sid FROM upstream_sid WHERE provider = ?1 AND subject = ?2
              ORDER BY expires_ts DESC, sid = ?4 DESC LIMIT ?3)",
    )?
    .execute((provider, subject, UPSTREAM_SIDS_MAX, sid))?;
    Ok(())
}

fn find(
    conn: &Connection,
    cookie: &TokenHash,
    now_ms: i64,
) -> StoreResult<Option<UpstreamSession>> {
    let mut statement = conn.prepare_cached(
        "SELECT provider, subject, sid, id_token, expires_ts FROM upstream_session
         WHERE cookie = ?1 AND expires_ts > ?2",
    )?;
    Ok(statement.query_row((cookie.0, now_ms), session).optional()?)
}

fn session(row: &Row<'_>) -> rusqlite::Result<UpstreamSession> {
    Ok(UpstreamSession {
        provider: row.get(0)?,
        subject: row.get(1)?,
        sid: row.get(2)?,
        id_token: row.get(3)?,
        expires_ms: row.get(4)?,
        sid_until_ms: None,
    })
}

fn sweep(conn: &Connection, now_ms: i64) -> StoreResult<usize> {
    let mut gone = 0;
    for sql in [
        "DELETE FROM upstream_session WHERE expires_ts <= ?1",
        "DELETE FROM upstream_sid WHERE expires_ts <= ?1",
    ] {
        gone += conn.prepare_cached(sql)?.execute((now_ms,))?;
    }
    Ok(gone)
}

fn take(conn: &Connection, cookie: &TokenHash) -> StoreResult<Option<UpstreamSession>> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM upstream_session WHERE cookie = ?1
         RETURNING provider, subject, sid, id_token, expires_ts",
    )?;
    Ok(statement.query_row((cookie.0,), session).optional()?)
}

fn end(conn: &Connection, provider: &str, which: &UpstreamLogout) -> StoreResult<Vec<UserId>> {
    let (subject, sid) = match which {
        UpstreamLogout::Subject(subject) => (Some(subject), None),
        UpstreamLogout::Session(sid, subject) => (subject.as_ref(), Some(sid)),
    };
    let mut delete = conn.prepare_cached(
        "DELETE FROM upstream_session WHERE provider = ?1
         AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR sid = ?3) RETURNING cookie",
    )?;
    let cookies = delete.query_map((provider, subject, sid), |row| row.get::<_, [u8; 32]>(0))?;
    let cookies: Vec<[u8; 32]> = cookies.collect::<Result<_, _>>()?;
    let mut users = Vec::new();
    let mut sign_out =
        conn.prepare_cached("DELETE FROM browser_session WHERE sha256 = ?1 RETURNING user_id")?;
    for cookie in cookies {
        let user_id: Option<String> = sign_out.query_row((cookie,), |row| row.get(0)).optional()?;
        let user_id = user_id.map(|user_id| device_rows::user(&user_id)).transpose()?;
        users.extend(user_id.filter(|user_id| !users.contains(user_id)));
    }
    for user_id in remembered(conn, provider, subject, sid)? {
        if !users.contains(&user_id) {
            users.push(user_id);
        }
    }
    Ok(users)
}

/// Whose the remembered sessions are that a provider ends. They are forgotten.
fn remembered(
    conn: &Connection,
    provider: &str,
    subject: Option<&String>,
    sid: Option<&String>,
) -> StoreResult<Vec<UserId>> {
    let mut forget = conn.prepare_cached(
        "DELETE FROM upstream_sid WHERE provider = ?1
         AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR sid = ?3) RETURNING subject",
    )?;
    let subjects = forget.query_map((provider, subject, sid), |row| row.get::<_, String>(0))?;
    let subjects: Vec<String> = subjects.collect::<Result<_, _>>()?;
    let mut users = Vec::new();
    for subject in subjects {
        users.extend(user(conn, provider, &subject)?);
    }
    Ok(users)
}

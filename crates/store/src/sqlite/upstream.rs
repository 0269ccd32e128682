// SPDX-License-Identifier: Apache-2.0
//! Other OpenID providers, on the embedded engine.

use async_trait::async_trait;
use estafette_core::ids::UserId;
use rusqlite::{Connection, OptionalExtension as _};

use super::{SqliteStore, device_rows};
use crate::{
    StoreResult,
    accounts::TokenHash,
    upstream::{LinkOutcome, UpstreamLogout, UpstreamSession, UpstreamStore},
};

#[async_trait]
impl UpstreamStore for SqliteStore {
    async fn upstream_user(&self, provider: &str, subject: &str) -> StoreResult<Option<UserId>> {
        let (provider, subject) = (provider.to_owned(), subject.to_owned());
        self.read(move |conn| user(conn, &provider, &subject)).await
    }

    async fn link_upstream(
        &self,
        provider: &str,
        subject: &str,
        user_id: &UserId,
    ) -> StoreResult<LinkOutcome> {
        let (provider, subject) = (provider.to_owned(), subject.to_owned());
        let user_id = user_id.clone();
        self.write(move |tx| link(tx.conn, &provider, &subject, &user_id)).await
    }

    async fn put_upstream_session(
        &self,
        cookie: TokenHash,
        session: UpstreamSession,
        now_ms: i64,
    ) -> StoreResult<()> {
        self.write(move |tx| put(tx.conn, &cookie, &session, now_ms)).await
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
}

fn user(conn: &Connection, provider: &str, subject: &str) -> StoreResult<Option<UserId>> {
    let mut statement = conn
        .prepare_cached("SELECT user_id FROM upstream_link WHERE provider = ?1 AND subject = ?2")?;
    let found: Option<String> =
        statement.query_row((provider, subject), |row| row.get(0)).optional()?;
    found.map(|user_id| device_rows::user(&user_id)).transpose()
}

fn link(
    conn: &Connection,
    provider: &str,
    subject: &str,
    user_id: &UserId,
) -> StoreResult<LinkOutcome> {
    if let Some(known) = user(conn, provider, subject)? {
        let same = known == *user_id;
        return Ok(if same { LinkOutcome::Linked } else { LinkOutcome::Different });
    }
    let inserted = conn
        .prepare_cached(
            "INSERT INTO upstream_link (provider, subject, user_id) VALUES (?1, ?2, ?3)
             ON CONFLICT DO NOTHING",
        )?
        .execute((provider, subject, user_id.as_str()))?;
    Ok(if inserted > 0 { LinkOutcome::Linked } else { LinkOutcome::Different })
}

fn put(
    conn: &Connection,
    cookie: &TokenHash,
    session: &UpstreamSession,
    now_ms: i64,
) -> StoreResult<()> {
    conn.prepare_cached("DELETE FROM upstream_session WHERE expires_ts <= ?1")?
        .execute((now_ms,))?;
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
    Ok(())
}

fn take(conn: &Connection, cookie: &TokenHash) -> StoreResult<Option<UpstreamSession>> {
    let mut statement = conn.prepare_cached(
        "DELETE FROM upstream_session WHERE cookie = ?1
         RETURNING provider, subject, sid, id_token, expires_ts",
    )?;
    let taken = statement
        .query_row((cookie.0,), |row| {
            Ok(UpstreamSession {
                provider: row.get(0)?,
                subject: row.get(1)?,
                sid: row.get(2)?,
                id_token: row.get(3)?,
                expires_ms: row.get(4)?,
            })
        })
        .optional()?;
    Ok(taken)
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
    Ok(users)
}

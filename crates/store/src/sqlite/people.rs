// SPDX-License-Identifier: Apache-2.0
//! People on the embedded engine.

mod administer;
pub(in crate::sqlite) mod audit;
mod lapsing;
pub(in crate::sqlite) mod person;
mod placing;

use std::sync::Arc;

use async_trait::async_trait;
use estafette_core::ids::UserId;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension as _};

use super::{SqliteStore, accounts::life};
use crate::{
    StoreError, StoreResult,
    accounts::NewAccount,
    people::{
        AdminAct, AdminOutcome, AuditEntry, AuditLine, AuditPage, AuditVerdict,
        CreatePersonOutcome, DirectoryBudget, PeopleStore, Person, PersonDetails, Placed,
        Placement, PutPersonOutcome,
    },
};

#[async_trait]
impl PeopleStore for SqliteStore {
    async fn create_person(
        &self,
        account: NewAccount,
        details: PersonDetails,
    ) -> StoreResult<CreatePersonOutcome> {
        let indexes = self.indexes();
        self.write(move |tx| person::create_expected(&indexes, tx, &account, &details)).await
    }

    async fn put_person(
        &self,
        user_id: &UserId,
        details: PersonDetails,
    ) -> StoreResult<PutPersonOutcome> {
        let (indexes, user_id) = (self.indexes(), user_id.clone());
        self.write(move |tx| person::put(&indexes, tx, &user_id, &details)).await
    }

    async fn person(&self, user_id: &UserId) -> StoreResult<Option<Person>> {
        let user_id = user_id.clone();
        self.read(move |conn| person::one(conn, &user_id)).await
    }

    async fn person_by_email(&self, email: &str) -> StoreResult<Option<Person>> {
        let email = email.to_owned();
        self.read(move |conn| person::by_email(conn, &email)).await
    }

    async fn people_by_organisation(&self) -> StoreResult<Vec<(Option<String>, u64)>> {
        self.read(person::by_organisation).await
    }

    async fn people_after(&self, after: Option<&UserId>, limit: u64) -> StoreResult<Vec<Person>> {
        let after = after.cloned();
        self.read(move |conn| person::after(conn, after.as_ref(), limit)).await
    }

    async fn administrators(&self, now_ms: i64, limit: u64) -> StoreResult<Vec<UserId>> {
        self.read(move |conn| person::administrators(conn, now_ms, limit)).await
    }

    async fn people_expiring(
        &self,
        from_ms: i64,
        until_ms: i64,
        limit: u64,
    ) -> StoreResult<Vec<Person>> {
        self.read(move |conn| person::expiring(conn, from_ms, until_ms, limit)).await
    }

    async fn people_lapsing(&self, until_ms: i64, limit: u64) -> StoreResult<Vec<Person>> {
        self.read(move |conn| lapsing::lapsing(conn, until_ms, limit)).await
    }

    async fn lapsed_people(&self, until_ms: i64, limit: u64) -> StoreResult<Vec<UserId>> {
        self.read(move |conn| lapsing::lapsed(conn, until_ms, limit)).await
    }

    async fn people_without_end(&self, limit: u64) -> StoreResult<Vec<UserId>> {
        self.read(move |conn| lapsing::without_end(conn, limit)).await
    }

    async fn give_ends(&self, entry: AuditEntry, ends: Vec<(UserId, i64)>) -> StoreResult<u64> {
        let indexes = self.indexes();
        self.write(move |tx| lapsing::give_ends(&indexes, tx, &entry, &ends)).await
    }

    async fn administer(
        &self,
        entry: AuditEntry,
        subject: Option<&str>,
        act: AdminAct,
    ) -> StoreResult<AdminOutcome> {
        let (indexes, subject) = (self.indexes(), subject.map(str::to_owned));
        self.write(move |tx| {
            let act = (&act, administer::Line::Own);
            administer::administer(&indexes, tx, &entry, subject.as_deref(), act)
        })
        .await
    }

    async fn place_people(
        &self,
        entry: AuditEntry,
        placements: Vec<(UserId, Placement)>,
    ) -> StoreResult<Vec<Placed>> {
        let indexes = self.indexes();
        self.write(move |tx| placing::place_all(&indexes, tx, &entry, &placements)).await
    }

    async fn administer_all(
        &self,
        entry: AuditEntry,
        subject: Option<&str>,
        acts: Vec<AdminAct>,
    ) -> StoreResult<AdminOutcome> {
        let (indexes, subject) = (self.indexes(), subject.map(str::to_owned));
        // An error is what takes the whole write back; the outcome goes past it.
        let refused = Arc::new(Mutex::new(None));
        let refusal = Arc::clone(&refused);
        let done = self.write(move |tx| {
            let mut last = AdminOutcome::Done;
            for (index, act) in acts.iter().enumerate() {
                let line = administer::Line::of(&acts, index);
                last =
                    administer::administer(&indexes, tx, &entry, subject.as_deref(), (act, line))?;
                if !last.is_done() {
                    *refusal.lock() = Some(last);
                    return Err(StoreError::Conflict("one of several acts cannot be done"));
                }
            }
            Ok(last)
        });
        let done = done.await;
        let refused = refused.lock().take();
        refused.map_or(done, Ok)
    }

    async fn audit_lines(&self, page: AuditPage) -> StoreResult<Vec<AuditLine>> {
        self.read(move |conn| audit::list(conn, &page)).await
    }

    async fn verify_audit(&self) -> StoreResult<AuditVerdict> {
        self.read(audit::verify).await
    }

    async fn directory_budget(&self, user_id: &UserId) -> StoreResult<Option<DirectoryBudget>> {
        let user_id = user_id.clone();
        self.read(move |conn| budget(conn, &user_id)).await
    }

    async fn put_directory_budgets(
        &self,
        budgets: Vec<(UserId, DirectoryBudget)>,
    ) -> StoreResult<()> {
        self.write(move |tx| {
            for (user_id, budget) in &budgets {
                put_budget(tx.conn, user_id, *budget)?;
            }
            Ok(())
        })
        .await
    }
}

fn budget(conn: &Connection, user_id: &UserId) -> StoreResult<Option<DirectoryBudget>> {
    let mut statement = conn.prepare_cached(
        "SELECT tokens, filled_ts FROM directory_budget
         WHERE account_nid = (SELECT nid FROM account WHERE user_id = ?1)",
    )?;
    let budget = statement.query_row((user_id.as_str(),), |row| {
        Ok(DirectoryBudget { tokens: row.get(0)?, filled_ms: row.get(1)? })
    });
    Ok(budget.optional()?)
}

fn put_budget(conn: &Connection, user_id: &UserId, budget: DirectoryBudget) -> StoreResult<()> {
    let Some(nid) = life::active_nid(conn, user_id)? else { return Ok(()) };
    conn.prepare_cached(
        "REPLACE INTO directory_budget (account_nid, tokens, filled_ts) VALUES (?1, ?2, ?3)",
    )?
    .execute((nid, budget.tokens, budget.filled_ms))?;
    Ok(())
}

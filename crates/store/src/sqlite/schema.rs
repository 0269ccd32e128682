// SPDX-License-Identifier: Apache-2.0
//! The schema, grown by forward-only steps.
//!
//! A step is never edited once released. Each runs in a transaction of its own together with the
//! number it leaves in `user_version`, so a step that was cut short is simply run again.

use rusqlite::{Connection, TransactionBehavior};

use super::accounts::directory;
use crate::{StoreError, StoreResult};

/// One step.
struct Step {
    sql: &'static str,
    /// What SQL alone cannot work out, in the same transaction.
    then: Option<fn(&Connection) -> StoreResult<()>>,
}

const fn sql(sql: &'static str) -> Step {
    Step { sql, then: None }
}

/// Every step, oldest first; `user_version` counts those that were applied.
const STEPS: &[Step] = &[
    sql(include_str!("schema/001_log.sql")),
    sql(include_str!("schema/002_rooms.sql")),
    sql(include_str!("schema/003_accounts.sql")),
    sql(include_str!("schema/004_keys.sql")),
    sql(include_str!("schema/005_media.sql")),
    sql(include_str!("schema/006_push.sql")),
    sql(include_str!("schema/007_account_data.sql")),
    sql(include_str!("schema/008_reports.sql")),
    sql(include_str!("schema/022_given_keys.sql")),
    sql(include_str!("schema/030_identity.sql")),
    sql(include_str!("schema/050_people.sql")),
    sql(include_str!("schema/040_oauth.sql")),
    sql(include_str!("schema/041_upstream.sql")),
    sql(include_str!("schema/021_delayed_events.sql")),
    sql(include_str!("schema/031_mail.sql")),
    sql(include_str!("schema/042_upstream_proof.sql")),
    sql(include_str!("schema/052_placement.sql")),
    sql(include_str!("schema/060_profile_to_tell.sql")),
    sql(include_str!("schema/036_third_party_invites.sql")),
    sql(include_str!("schema/053_lapsed_accounts.sql")),
    sql(include_str!("schema/061_ended_delayed_event.sql")),
    sql(include_str!("schema/062_event_time.sql")),
    sql(include_str!("schema/032_closed_accounts.sql")),
    sql(include_str!("schema/033_password_links.sql")),
    sql(include_str!("schema/063_older_accounts.sql")),
    sql(include_str!("schema/054_address_time.sql")),
    sql(include_str!("schema/065_directory_by_organisation.sql")),
    sql(include_str!("schema/068_end_time.sql")),
    sql(include_str!("schema/055_sealed_mail.sql")),
    sql(include_str!("schema/064_event_time.sql")),
    sql(include_str!("schema/066_audit_is_not_replaced.sql")),
    sql(include_str!("schema/071_urgent_mail.sql")),
    Step {
        sql: include_str!("schema/076_joined_names.sql"),
        then: Some(directory::join_organisations),
    },
    sql(include_str!("schema/077_administrators.sql")),
    sql(include_str!("schema/080_terms.sql")),
    sql(include_str!("schema/072_known_browsers.sql")),
    sql(include_str!("schema/073_guesses.sql")),
    sql(include_str!("schema/074_browser_name.sql")),
];

/// Applies what is missing. Refuses a database of a newer program with one clear sentence.
pub(super) fn migrate(connection: &mut Connection) -> StoreResult<()> {
    migrate_to(connection, STEPS.len())?;
    // What a step leaves to do for everybody is done in pieces, so that neither the log nor what a
    // start that is cut short does again grows with the number of people.
    while directory::has_stale(connection)? {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        directory::enter_stale(&tx)?;
        tx.commit()?;
    }
    Ok(())
}

/// Whether every step was applied. Errors: as of [`migrate`].
pub(super) fn is_current(connection: &Connection) -> StoreResult<bool> {
    Ok(applied(connection)? == STEPS.len())
}

/// Applies what is missing of the first `count` steps.
fn migrate_to(connection: &mut Connection, count: usize) -> StoreResult<()> {
    while applied(connection)? < count {
        // The lock comes first: who waited for another program's step finds it done.
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = applied(&tx)?;
        let Some(step) = STEPS.get(done).filter(|_| done < count) else { break };
        tx.execute_batch(step.sql)?;
        if let Some(then) = step.then {
            then(&tx)?;
        }
        tx.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(i64::MAX))?;
        tx.commit()?;
    }
    Ok(())
}

/// How many steps were applied. Errors: `Unavailable` when they are more than this program knows.
fn applied(connection: &Connection) -> StoreResult<usize> {
    let version: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    usize::try_from(version).ok().filter(|applied| *applied <= STEPS.len()).ok_or_else(|| {
        StoreError::Unavailable(format!(
            "the database has schema {version}, this program knows {}: use a newer program",
            STEPS.len()
        ))
    })
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: Apache-2.0
//! The schema, grown by forward-only steps.
//!
//! A step is never edited once released. Each runs in a transaction of its own together with the
//! number it leaves in `user_version`, so a step that was cut short is simply run again.

use rusqlite::Connection;

use crate::{StoreError, StoreResult};

/// Every step, oldest first; `user_version` counts those that were applied.
const STEPS: &[&str] = &[
    include_str!("schema/001_log.sql"),
    include_str!("schema/002_rooms.sql"),
    include_str!("schema/003_accounts.sql"),
    include_str!("schema/004_keys.sql"),
    include_str!("schema/005_media.sql"),
    include_str!("schema/006_push.sql"),
    include_str!("schema/007_account_data.sql"),
    include_str!("schema/008_reports.sql"),
    include_str!("schema/022_given_keys.sql"),
    include_str!("schema/030_identity.sql"),
    include_str!("schema/050_people.sql"),
    include_str!("schema/040_oauth.sql"),
    include_str!("schema/041_upstream.sql"),
    include_str!("schema/021_delayed_events.sql"),
    include_str!("schema/031_mail.sql"),
    include_str!("schema/042_upstream_proof.sql"),
    include_str!("schema/052_placement.sql"),
    include_str!("schema/060_profile_to_tell.sql"),
    include_str!("schema/036_third_party_invites.sql"),
    include_str!("schema/053_lapsed_accounts.sql"),
    include_str!("schema/061_ended_delayed_event.sql"),
    include_str!("schema/062_event_time.sql"),
    include_str!("schema/032_closed_accounts.sql"),
    include_str!("schema/033_password_links.sql"),
];

/// Applies what is missing. Refuses a database of a newer program with one clear sentence.
pub(super) fn migrate(connection: &mut Connection) -> StoreResult<()> {
    let version: i64 = connection.query_row("PRAGMA user_version", (), |row| row.get(0))?;
    let applied = usize::try_from(version).unwrap_or(usize::MAX);
    let Some(missing) = STEPS.get(applied..) else {
        return Err(StoreError::Unavailable(format!(
            "the database has schema {version}, this program knows {}: use a newer program",
            STEPS.len()
        )));
    };
    for (step, number) in missing.iter().zip(version + 1..) {
        let tx = connection.transaction()?;
        tx.execute_batch(step)?;
        tx.pragma_update(None, "user_version", number)?;
        tx.commit()?;
    }
    Ok(())
}

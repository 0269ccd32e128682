// SPDX-License-Identifier: Apache-2.0
//! Putting the policy into force: what the dry run prints is done, page by page.
//!
//! Each page is one act of the store with a line of the audit log for everybody it moves, so that
//! whoever is cut short goes on where it stopped. Nobody is deactivated for having nowhere to go:
//! they are named, and an administrator decides.

use std::time::Duration;

use estafette_core::{
    ids::UserId,
    limits::{POLICY_APPLY_TRIES, POLICY_APPLY_WAIT_MS, POLICY_MOVES_SHOWN_MAX},
};
use estafette_store::people::{AuditEntry, Placed, Placement};
use serde::Serialize;

use super::{
    Move,
    check::{self, Page},
};
use crate::{HostError, Identity};

/// By whom people are moved when the server starts.
const POLICY: &str = "policy";

/// What was done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Applied {
    /// How many accounts with an address there are.
    pub accounts: u64,
    /// How many of them are where an administrator said, whatever the policy says.
    pub fixed: u64,
    /// How many were moved.
    pub moved: u64,
    /// How many have nowhere on this server to go.
    pub unplaced: u64,
    /// The first of both, in the order of their accounts.
    pub moves: Vec<Move>,
    /// Whether everybody was looked at. If not, the server was too busy: do it again.
    pub complete: bool,
}

impl Identity {
    /// Whether the policy says where people belong: there is one.
    pub(crate) fn policy_decides(&self) -> bool {
        self.config.policy.open || !self.config.policy.file.as_os_str().is_empty()
    }

    /// Moves everybody to where the policy places them. With `dry_run` nothing is written, and
    /// `moved` is how many would be.
    pub(crate) async fn apply_policy(
        &self,
        entry: &AuditEntry,
        dry_run: bool,
    ) -> Result<Applied, HostError> {
        let here = self.host.server_name();
        let mut applied = Applied::default();
        let mut after: Option<UserId> = None;
        loop {
            let page = check::page(&self.policy, here, &self.store, after.as_ref()).await;
            let Some(page) = page.map_err(|error| HostError::Internal(error.to_string()))? else {
                applied.complete = true;
                return Ok(applied);
            };
            applied.accounts = applied.accounts.saturating_add(page.accounts);
            applied.fixed = applied.fixed.saturating_add(page.fixed);
            after = Some(page.last.clone());
            match self.apply_page(entry, dry_run, page, &mut applied).await {
                Ok(()) => {}
                Err(HostError::Overloaded) => return Ok(applied),
                Err(error) => return Err(error),
            }
        }
    }

    async fn apply_page(
        &self,
        entry: &AuditEntry,
        dry_run: bool,
        page: Page,
        applied: &mut Applied,
    ) -> Result<(), HostError> {
        let (mut placements, mut moves) = (Vec::new(), Vec::new());
        for (movement, placement) in page.moves {
            match placement {
                Some(placement) => placements.push(placement),
                None => applied.unplaced = applied.unplaced.saturating_add(1),
            }
            moves.push(movement);
        }
        let moved = if dry_run {
            placements.len()
        } else {
            let placed = self.place_in_time(entry, placements).await?;
            // Who moved on their own in the meantime is not ours to tell of.
            let placed: std::collections::HashSet<String> =
                placed.into_iter().map(|placed| placed.user_id.to_string()).collect();
            moves.retain(|movement| movement.unplaced || placed.contains(&movement.user_id));
            placed.len()
        };
        applied.moved = applied.moved.saturating_add(moved as u64);
        let room = POLICY_MOVES_SHOWN_MAX.saturating_sub(applied.moves.len());
        applied.moves.extend(moves.into_iter().take(room));
        Ok(())
    }

    /// The same as [`Host::place`](crate::Host::place), waiting for a busy server for a while.
    pub(crate) async fn place_in_time(
        &self,
        entry: &AuditEntry,
        placements: Vec<(UserId, Placement)>,
    ) -> Result<Vec<Placed>, HostError> {
        if placements.is_empty() {
            return Ok(Vec::new());
        }
        for _ in 1..POLICY_APPLY_TRIES {
            match self.host.place(entry.clone(), placements.clone()).await {
                Err(HostError::Overloaded) => {}
                done => return done,
            }
            tokio::time::sleep(Duration::from_millis(POLICY_APPLY_WAIT_MS)).await;
        }
        self.host.place(entry.clone(), placements).await
    }

    /// What the policy does without anybody asking.
    pub(crate) fn policy_entry(&self) -> AuditEntry {
        AuditEntry { actor: POLICY.into(), reason: None, now_ms: self.host.now_ms() }
    }

    /// Puts the policy into force when the server starts.
    pub(crate) async fn apply_policy_at_start(&self) {
        let policy = &self.config.policy;
        if !policy.apply_at_start || policy.file.as_os_str().is_empty() {
            return;
        }
        match self.apply_policy(&self.policy_entry(), false).await {
            Ok(applied) => {
                let Applied { accounts, moved, unplaced, complete, .. } = applied;
                if moved > 0 {
                    tracing::info!(accounts, moved, "the policy moved people");
                }
                if unplaced > 0 || !complete {
                    tracing::warn!(
                        unplaced,
                        complete,
                        "not everybody is where the policy places them: see `estafette admin \
                         organisations apply --dry-run`"
                    );
                }
            }
            Err(error) => tracing::warn!(%error, "the policy could not be put into force"),
        }
    }
}

#[cfg(test)]
mod tests;

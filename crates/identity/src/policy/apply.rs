// SPDX-License-Identifier: Apache-2.0
//! Putting the policy into force: what the dry run prints is done, page by page.
//!
//! Each page is one act of the store with a line of the audit log for everybody it moves, so that
//! whoever is cut short goes on where it stopped. Nobody is deactivated for having nowhere to go:
//! they lose their organisation, are named, and an administrator decides. A start makes few people
//! guests or another organisation's at once: a mistyped file looks the same as a ministry that has
//! left.

use std::time::Duration;

use estafette_core::{
    ids::UserId,
    limits::{
        PEOPLE_PER_READ, POLICY_APPLY_TRIES, POLICY_APPLY_WAIT_MS, POLICY_MOVES_SHOWN_MAX,
        POLICY_OUT_AT_START_MAX, POLICY_OUT_AT_START_MIN,
    },
};
use estafette_store::people::{AdminAct, AuditEntry, Placed, Placement};
use serde::Serialize;

use super::{
    LosingAdministrators, Move,
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
    /// How many were moved, those included who lost their organisation.
    pub moved: u64,
    /// How many have nowhere on this server to go.
    pub unplaced: u64,
    /// How many become guests who are none.
    pub becoming_guests: u64,
    /// How many change from one organisation to another, or to none.
    pub changing: u64,
    /// How many of those two keep what they have, because a start does not do it to so many.
    pub held_back: u64,
    /// How many administrators become guests, and by that none.
    pub losing_admin: u64,
    /// How many of them keep what they have, because nobody else would administer the server.
    pub kept_admins: u64,
    /// The first of all, in the order of their accounts.
    pub moves: Vec<Move>,
    /// Whether everybody was looked at. If not, the server was too busy: do it again.
    pub complete: bool,
}

/// How the policy is put into force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Apply {
    /// Nothing is written.
    DryRun,
    /// By an administrator's word.
    Asked,
    /// Because the server starts: not many become guests or another organisation's.
    AtStart,
}

/// Who would become a guest or another organisation's by a start, until everybody was counted.
#[derive(Default)]
struct Held {
    moves: Vec<(Move, (UserId, Placement))>,
    count: u64,
    unplaced: u64,
    becoming_guests: u64,
    changing: u64,
}

/// Whether somebody becomes a guest, and whether they change from an organisation to another one or
/// to none.
fn loses(movement: &Move, placement: &Placement) -> (bool, bool) {
    let leaves = movement.from.is_some() && movement.from != placement.organisation_id;
    (placement.guest && !movement.was_guest, leaves)
}

impl Identity {
    /// Whether the policy says where people belong: there is one.
    pub(crate) fn policy_decides(&self) -> bool {
        self.config.policy.open || !self.config.policy.file.as_os_str().is_empty()
    }

    /// Moves everybody to where the policy places them. By a dry run `moved` is how many would be.
    pub(crate) async fn apply_policy(
        &self,
        entry: &AuditEntry,
        how: Apply,
    ) -> Result<Applied, HostError> {
        let here = self.host.server_name();
        let (mut applied, mut held) = (Applied::default(), Held::default());
        let mut after: Option<UserId> = None;
        loop {
            let page = check::page(&self.policy, here, &self.store, after.as_ref()).await;
            let page = page.map_err(|error| HostError::Internal(error.to_string()))?;
            let Some(mut page) = page else { break };
            if how == Apply::AtStart {
                hold(&mut page, &mut held);
            }
            applied.accounts = applied.accounts.saturating_add(page.accounts);
            applied.fixed = applied.fixed.saturating_add(page.fixed);
            after = Some(page.last.clone());
            match self.apply_moves(entry, how, page.moves, &mut applied).await {
                Ok(()) => {}
                Err(HostError::Overloaded) => return Ok(applied),
                Err(error) => return Err(error),
            }
        }
        match self.apply_held(entry, held, &mut applied).await {
            Ok(()) => applied.complete = true,
            Err(HostError::Overloaded) => {}
            Err(error) => return Err(error),
        }
        Ok(applied)
    }

    /// Moves those who were held, unless they are many.
    async fn apply_held(
        &self,
        entry: &AuditEntry,
        mut held: Held,
        applied: &mut Applied,
    ) -> Result<(), HostError> {
        let few = (applied.accounts / 20).clamp(POLICY_OUT_AT_START_MIN, POLICY_OUT_AT_START_MAX);
        if held.count > few {
            applied.held_back = held.count;
            applied.unplaced = applied.unplaced.saturating_add(held.unplaced);
            applied.becoming_guests = applied.becoming_guests.saturating_add(held.becoming_guests);
            applied.changing = applied.changing.saturating_add(held.changing);
            let room = POLICY_MOVES_SHOWN_MAX.saturating_sub(applied.moves.len());
            applied.moves.extend(held.moves.into_iter().map(|(movement, _)| movement).take(room));
            return Ok(());
        }
        self.keep_last_administrators(entry, &mut held, applied).await?;
        let page = usize::try_from(PEOPLE_PER_READ).unwrap_or(usize::MAX);
        while !held.moves.is_empty() {
            let part = held.moves.drain(..page.min(held.moves.len()));
            let part = part.map(|(movement, placement)| (movement, Some(placement))).collect();
            self.apply_moves(entry, Apply::AtStart, part, applied).await?;
        }
        Ok(())
    }

    /// Says which administrators become guests, and leaves them as they are where nobody else
    /// would administer the server.
    async fn keep_last_administrators(
        &self,
        entry: &AuditEntry,
        held: &mut Held,
        applied: &mut Applied,
    ) -> Result<(), HostError> {
        let moves = held.moves.iter().map(|(movement, _)| movement);
        let losing = LosingAdministrators::among(moves, &self.store, entry.now_ms).await;
        let losing = losing.map_err(|error| HostError::Internal(error.to_string()))?;
        let Some(losing) = losing else { return Ok(()) };
        self.host.alert(&losing.sentence());
        if !losing.are_all {
            return Ok(());
        }
        let kept: Vec<_> =
            held.moves.extract_if(.., |(movement, _)| movement.loses_admin).collect();
        for (movement, (user_id, _)) in kept {
            let act = vec![AdminAct::KeepAdmin];
            self.host.administer(entry.clone(), Some(&user_id), act).await?;
            applied.kept_admins = applied.kept_admins.saturating_add(1);
            applied.unplaced = applied.unplaced.saturating_add(u64::from(movement.unplaced));
            applied.moves.push(movement);
        }
        Ok(())
    }

    async fn apply_moves(
        &self,
        entry: &AuditEntry,
        how: Apply,
        found: Vec<(Move, Option<(UserId, Placement)>)>,
        applied: &mut Applied,
    ) -> Result<(), HostError> {
        let (mut placements, mut moves) = (Vec::new(), Vec::new());
        for (movement, placement) in found {
            let loses = placement.as_ref().map(|(_, placement)| loses(&movement, placement));
            let (becomes_guest, changes) = loses.unwrap_or_default();
            applied.becoming_guests =
                applied.becoming_guests.saturating_add(u64::from(becomes_guest));
            applied.changing = applied.changing.saturating_add(u64::from(changes));
            applied.losing_admin =
                applied.losing_admin.saturating_add(u64::from(movement.loses_admin));
            placements.extend(placement);
            applied.unplaced = applied.unplaced.saturating_add(u64::from(movement.unplaced));
            moves.push(movement);
        }
        let moved = if how == Apply::DryRun {
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
        match self.apply_policy(&self.policy_entry(), Apply::AtStart).await {
            Ok(applied) => {
                let Applied { accounts, moved, unplaced, held_back, complete, .. } = applied;
                let kept_admins = applied.kept_admins;
                if moved > 0 {
                    tracing::info!(accounts, moved, "the policy moved people");
                }
                if unplaced > 0 || held_back > 0 || kept_admins > 0 || !complete {
                    tracing::warn!(
                        unplaced,
                        held_back,
                        kept_admins,
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

/// Keeps those of a page apart who would become a guest or another organisation's.
fn hold(page: &mut Page, held: &mut Held) {
    let goes = |(movement, placement): &mut (Move, Option<(UserId, Placement)>)| {
        let placement = placement.as_ref().map(|(_, placement)| placement);
        let (becomes_guest, changes) =
            placement.map(|placement| loses(movement, placement)).unwrap_or_default();
        held.becoming_guests = held.becoming_guests.saturating_add(u64::from(becomes_guest));
        held.changing = held.changing.saturating_add(u64::from(changes));
        becomes_guest || changes
    };
    let going: Vec<_> = page.moves.extract_if(.., goes).collect();
    for (movement, placement) in going {
        held.count = held.count.saturating_add(1);
        held.unplaced = held.unplaced.saturating_add(u64::from(movement.unplaced));
        // Beyond the limit nobody is moved, and there is nothing to keep.
        if let Some(placement) = placement.filter(|_| held.count <= POLICY_OUT_AT_START_MAX) {
            held.moves.push((movement, placement));
        }
    }
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: Apache-2.0
//! How many searches for people each account may still make.
//!
//! One stolen account must not copy the whole directory. The budget comes back evenly over a day;
//! what is left is written down now and then, so that a restart gives nothing back but what was
//! used in the last minute before a crash.

use std::{collections::HashMap, sync::Weak, time::Duration};

use estafette_core::{
    ids::UserId,
    limits::{SEARCH_BUDGET_INTERVAL_S, SEARCH_BUDGETS_MAX},
};
use estafette_store::{PeopleStore as _, StoreResult, people::DirectoryBudget};
use parking_lot::Mutex;

use crate::{ApiError, ApiResult, Server};

const DAY_MS: f64 = 86_400_000.0;
/// People shown for one search's worth of budget.
const PEOPLE_PER_SEARCH: usize = 10;

/// What is left to whom, as far as it was asked for lately.
#[derive(Debug, Default)]
pub struct SearchBudgets(Mutex<HashMap<UserId, Left>>);

#[derive(Debug, Clone, Copy)]
struct Left {
    budget: DirectoryBudget,
    /// Whether it differs from what is written down.
    changed: bool,
}

impl SearchBudgets {
    /// Takes one search, or refuses with 429 and the time until there is one again.
    pub async fn take(&self, server: &Server, user_id: &UserId) -> ApiResult<()> {
        if !server.config.rate_limits.enabled {
            return Ok(());
        }
        let per_day = f64::from(server.config.user_directory.searches_per_day);
        let now_ms = server.now_ms();
        let known = self.0.lock().contains_key(user_id);
        let stored = if known { None } else { server.store.directory_budget(user_id).await? };
        let full = DirectoryBudget { tokens: per_day, filled_ms: now_ms };
        let mut budgets = self.0.lock();
        if budgets.len() >= SEARCH_BUDGETS_MAX {
            // Those that are written down can be read again.
            budgets.retain(|_, left| left.changed);
        }
        let first = Left { budget: stored.unwrap_or(full), changed: false };
        let left = budgets.entry(user_id.clone()).or_insert(first);
        left.budget = refilled(left.budget, per_day, now_ms);
        if left.budget.tokens < 1.0 {
            let wait_ms = (1.0 - left.budget.tokens) * DAY_MS / per_day.max(1.0);
            return Err(ApiError::limit_exceeded(wait_ms.ceil() as u64));
        }
        left.budget.tokens -= 1.0;
        left.changed = true;
        Ok(())
    }

    /// Charges for more people than one search stands for. May leave a debt.
    pub fn charge(&self, user_id: &UserId, shown: usize) {
        let further = shown.div_ceil(PEOPLE_PER_SEARCH).saturating_sub(1);
        if let Some(left) = self.0.lock().get_mut(user_id) {
            left.budget.tokens -= further as f64;
            left.changed = true;
        }
    }

    /// Writes down what changed.
    pub async fn flush(&self, server: &Server) -> StoreResult<()> {
        let changed: Vec<_> = {
            let mut budgets = self.0.lock();
            let changed = budgets.iter_mut().filter(|(_, left)| left.changed);
            changed
                .map(|(user_id, left)| {
                    left.changed = false;
                    (user_id.clone(), left.budget)
                })
                .collect()
        };
        if changed.is_empty() {
            return Ok(());
        }
        let users: Vec<UserId> = changed.iter().map(|(user_id, _)| user_id.clone()).collect();
        let outcome = server.store.put_directory_budgets(changed).await;
        if outcome.is_err() {
            let mut budgets = self.0.lock();
            for user_id in &users {
                if let Some(left) = budgets.get_mut(user_id) {
                    left.changed = true;
                }
            }
        }
        outcome
    }
}

fn refilled(budget: DirectoryBudget, per_day: f64, now_ms: i64) -> DirectoryBudget {
    let passed_ms = now_ms.saturating_sub(budget.filled_ms).max(0) as f64;
    let tokens = (budget.tokens + passed_ms / DAY_MS * per_day).min(per_day);
    DirectoryBudget { tokens, filled_ms: now_ms.max(budget.filled_ms) }
}

/// Writes down what is left now and then, and once more when the server stops.
pub(crate) async fn run(server: Weak<Server>) {
    loop {
        let Some(strong) = server.upgrade() else { return };
        let mut stopping = strong.stopping();
        drop(strong);
        let pause = tokio::time::sleep(Duration::from_secs(SEARCH_BUDGET_INTERVAL_S));
        let stop = async {
            let _ = stopping.wait_for(|stop| *stop).await;
        };
        let stopped = tokio::select! {
            () = pause => false,
            () = stop => true,
        };
        let Some(server) = server.upgrade() else { return };
        if let Err(error) = server.search_budgets.flush(&server).await {
            tracing::warn!(%error, "could not note how many searches are left");
        }
        if stopped {
            return;
        }
    }
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: Apache-2.0
//! What the policy does to administrators: no guest is one, so whoever becomes a guest is none any
//! more. A start never leaves a server without any.

use std::collections::HashSet;

use estafette_store::{PeopleStore, StoreResult};

use super::Move;

/// How many are named in a sentence.
const NAMED_MAX: usize = 20;

/// Administrators whom the policy makes guests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LosingAdministrators {
    users: Vec<String>,
    /// Whether nobody else administers the server.
    pub are_all: bool,
}

impl LosingAdministrators {
    /// Of those who move. `None`: no administrator becomes a guest.
    ///
    /// Somebody who is locked, suspended or expired at `now_ms` administers nothing.
    pub async fn among<'m, S: PeopleStore>(
        moves: impl Iterator<Item = &'m Move>,
        store: &S,
        now_ms: i64,
    ) -> StoreResult<Option<Self>> {
        let losing = moves.filter(|movement| movement.loses_admin);
        let users: Vec<String> = losing.map(|movement| movement.user_id.clone()).collect();
        if users.is_empty() {
            return Ok(None);
        }
        let one_more = u64::try_from(users.len()).unwrap_or(u64::MAX).saturating_add(1);
        let who_can = store.administrators(now_ms, one_more).await?;
        let known: HashSet<&str> = users.iter().map(String::as_str).collect();
        let are_all = who_can.iter().all(|user_id| known.contains(user_id.as_str()));
        Ok(Some(Self { users, are_all }))
    }

    /// What operators are told about it.
    pub fn sentence(&self) -> String {
        let mut named = self.users.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        if let Some(further @ 1..) = self.users.len().checked_sub(NAMED_MAX) {
            named = format!("{named} and {further} more");
        }
        let what = "By the policy these administrators are guests, and a guest is no administrator";
        if self.are_all {
            return format!(
                "{what}: {named}. Nobody else administers this server, so a start leaves them as \
                 they are. Correct the policy or their addresses, or name another administrator \
                 (`estafette admin users set-admin USER true`)."
            );
        }
        format!("{what}: {named}. They lose it when the policy is put into force.")
    }
}

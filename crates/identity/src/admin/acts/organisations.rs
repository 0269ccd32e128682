// SPDX-License-Identifier: Apache-2.0
//! Organisations as the policy has them, and whom another policy would move.

use std::collections::BTreeMap;

use estafette_core::limits::{POLICY_FILE_BYTES_MAX, POLICY_MOVES_SHOWN_MAX};
use estafette_store::PeopleStore as _;
use serde_json::{Value, json};

use super::{Administration, Refusal, wrong};
use crate::policy::{self, Policy};

impl Administration<'_> {
    /// Every organisation of the policy, and those that people are of although it no longer has
    /// them.
    pub(super) async fn list_organisations(&self) -> Result<Value, Refusal> {
        let counts = self.identity.store.people_by_organisation().await?;
        let mut people: BTreeMap<Option<String>, u64> = counts.into_iter().collect();
        let mut listed = Vec::new();
        for (id, organisation) in self.identity.policy.organisations() {
            listed.push(json!({
                "organisation": id,
                "name": organisation.name,
                "homeserver": organisation.homeserver,
                "guests": organisation.guests,
                "in_policy": true,
                "people": people.remove(&Some(id.to_owned())).unwrap_or(0),
            }));
        }
        for (id, people) in people {
            listed.push(json!({
                "organisation": id,
                "name": null,
                "homeserver": null,
                "guests": false,
                "in_policy": false,
                "people": people,
            }));
        }
        Ok(json!({ "organisations": listed }))
    }

    pub(super) async fn check_policy(&self, text: &str) -> Result<Value, Refusal> {
        if text.len() as u64 > POLICY_FILE_BYTES_MAX {
            return Err(wrong("The policy is too large."));
        }
        let here = self.identity.host.server_name();
        let policy = Policy::parse(text, here).map_err(|error| wrong(error.to_string()))?;
        let found = policy::check(&policy, here, &self.identity.store).await?;
        let shown: Vec<_> = found.moves.iter().take(POLICY_MOVES_SHOWN_MAX).collect();
        Ok(json!({ "accounts": found.accounts, "moving": found.moves.len(), "moves": shown }))
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What becomes of accounts with time, without anybody asking: an end for those that have none,
//! reminders, the end of those that nobody renews, and their erasure.
//!
//! An address outlives whoever had it: mailboxes are given to the next "jean.martin". So a mailbox
//! alone opens an expired account for a while only (`validity.mailbox_days`); afterwards it takes
//! the password too, or an administrator. An account that lapses frees its address: whoever has the
//! mailbox then signs up anew, and never gets the rooms and the name of somebody else.

use std::{sync::Arc, time::Duration};

use estafette_core::{
    email_address::EmailAddress,
    ids::UserId,
    limits::{PEOPLE_PER_READ, VALIDITY_INTERVAL_S},
};
use estafette_store::{
    PeopleStore as _, UpstreamStore as _,
    people::{AdminAct, AdminOutcome, Person},
};

use super::DAY_MS;
use crate::{HostError, Identity, pages::Trouble};

/// The first ends are spread over the last tenth of the period, so that not everybody is reminded
/// on one day.
const SPREAD: i64 = 10;

/// What a sweep did.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Swept {
    /// Accounts that were given an end.
    pub(crate) given: u64,
    /// Accounts that were ended.
    pub(crate) lapsed: u64,
    /// Accounts that were erased.
    pub(crate) erased: u64,
}

impl Identity {
    /// Looks after validity for as long as the server runs.
    pub(crate) async fn run_validity(self: Arc<Self>) {
        let validity = &self.config.validity;
        let days =
            [validity.period_days, validity.deactivate_after_days, validity.erase_after_days];
        if days == [0; 3] {
            return;
        }
        loop {
            match self.sweep().await {
                Ok(Swept { given: 0, lapsed: 0, erased: 0 }) => {}
                Ok(Swept { given, lapsed, erased }) => {
                    tracing::info!(given, lapsed, erased, "validity was looked after");
                }
                Err(HostError::Overloaded) => {}
                Err(error) => tracing::warn!(%error, "validity could not be looked after"),
            }
            if self.config.validity.period_days > 0
                && self.mailer.works()
                && let Err(error) = self.remind_due().await
            {
                tracing::warn!(%error, "reminders cannot be sent");
            }
            tokio::time::sleep(Duration::from_secs(VALIDITY_INTERVAL_S)).await;
        }
    }

    /// Does everything whose time has come. What cannot be done now is done by the next sweep.
    pub(crate) async fn sweep(&self) -> Result<Swept, HostError> {
        Ok(Swept {
            given: self.give_ends().await?,
            lapsed: self.end_expired().await?,
            erased: self.erase_lapsed().await?,
        })
    }

    /// Gives everybody an end who was there before there was a period.
    async fn give_ends(&self) -> Result<u64, HostError> {
        let mut given = 0_u64;
        let Some(latest_ms) = self.next_expiry_ms() else { return Ok(0) };
        let period_ms = latest_ms.saturating_sub(self.host.now_ms());
        loop {
            let people = self.store.people_without_end(PEOPLE_PER_READ).await.map_err(broken)?;
            if people.is_empty() {
                return Ok(given);
            }
            let end =
                |user_id| (user_id, latest_ms.saturating_sub(self.draw_below(period_ms / SPREAD)));
            let ends: Vec<(UserId, i64)> = people.into_iter().map(end).collect();
            let now = self.store.give_ends(self.policy_entry(), ends).await.map_err(broken)?;
            if now == 0 {
                return Ok(given);
            }
            given = given.saturating_add(now);
        }
    }

    /// Ends accounts that have been expired for as long as the operator says.
    async fn end_expired(&self) -> Result<u64, HostError> {
        let days = self.config.validity.deactivate_after_days;
        if days == 0 {
            return Ok(0);
        }
        let until_ms = self.host.now_ms().saturating_sub(i64::from(days) * DAY_MS);
        let mut lapsed = 0_u64;
        loop {
            let people = self.store.people_lapsing(until_ms, PEOPLE_PER_READ).await;
            let people = people.map_err(broken)?;
            let mut ended = 0_u64;
            for person in &people {
                ended += u64::from(self.does(&person.user_id, AdminAct::Lapse(until_ms)).await?);
            }
            lapsed = lapsed.saturating_add(ended);
            if ended == 0 {
                return Ok(lapsed);
            }
        }
    }

    /// Erases accounts that lapsed as long ago as the operator says.
    async fn erase_lapsed(&self) -> Result<u64, HostError> {
        let days = self.config.validity.erase_after_days;
        if days == 0 {
            return Ok(0);
        }
        let until_ms = self.host.now_ms().saturating_sub(i64::from(days) * DAY_MS);
        let mut erased = 0_u64;
        loop {
            let people = self.store.lapsed_people(until_ms, PEOPLE_PER_READ).await;
            let people = people.map_err(broken)?;
            let mut gone = 0_u64;
            for user_id in &people {
                gone += u64::from(self.does(user_id, AdminAct::Deactivate(true)).await?);
            }
            erased = erased.saturating_add(gone);
            if gone == 0 {
                return Ok(erased);
            }
        }
    }

    /// Does something in the policy's name, with its line in the audit log. Whether it was done.
    async fn does(&self, user_id: &UserId, act: AdminAct) -> Result<bool, HostError> {
        let outcome = self.host.administer(self.policy_entry(), Some(user_id), vec![act]).await?;
        Ok(outcome == AdminOutcome::Done)
    }

    /// A number from 0 to `bound`, each about as likely.
    fn draw_below(&self, bound: i64) -> i64 {
        let mut bytes = [0; 8];
        self.host.fill_random(&mut bytes);
        let drawn = u64::from_le_bytes(bytes) % (bound.max(0).cast_unsigned() + 1);
        drawn.cast_signed()
    }

    /// Whose account opens to whoever holds the mailbox of an address. A lock holds here as
    /// everywhere: whoever has a stolen telephone has its mailbox too. Nor does it where the
    /// account expired so long ago that the mailbox may be somebody else's, or where its owner is
    /// known by another provider's subject, which is nobody else's.
    pub(crate) async fn opened_by_mailbox(
        &self,
        address: &EmailAddress,
    ) -> Result<Option<UserId>, Trouble> {
        let person = self.store.person_by_email(address.as_str()).await?;
        let open = person.filter(|person| {
            let long_expired = self.is_long_expired(person.details.expires_ms);
            !person.deactivated && !person.locked && !long_expired
        });
        let user_id = open.map(|person| person.user_id);
        let known_there = match user_id.clone().or_else(|| self.stand_in()) {
            Some(user_id) => self.known_by_subject(&user_id).await?,
            None => false,
        };
        Ok(user_id.filter(|_| !known_there))
    }

    /// Whether a provider that lets no mailbox open its people's accounts knows the owner of one by
    /// a subject.
    pub(crate) async fn known_by_subject(&self, user_id: &UserId) -> Result<bool, Trouble> {
        let providers = self.store.upstream_providers(user_id).await?;
        let mut theirs = self.config.upstream.iter().filter(|one| providers.contains(&one.id));
        Ok(theirs.any(|one| !one.mailbox_opens_accounts))
    }

    /// Whether a deactivated account ended so long ago, by its owner or by its validity, that its
    /// mailbox is not believed to be the same person's.
    pub(crate) fn is_long_gone(&self, person: &Person) -> bool {
        let days = i64::from(self.config.sign_up.reactivation_days);
        let since_ms = self.host.now_ms().saturating_sub(days.saturating_mul(DAY_MS));
        let ended_long_ago = person.deactivated_ms.is_none_or(|ended_ms| ended_ms <= since_ms);
        self.config.sign_up.reactivation && ended_long_ago
            || self.is_long_expired(person.details.expires_ms)
    }

    /// Whether an account that ends at `expires_ms` has been expired for longer than its mailbox is
    /// believed.
    pub(crate) fn is_long_expired(&self, expires_ms: Option<i64>) -> bool {
        let days = i64::from(self.config.validity.mailbox_days);
        let until_ms = expires_ms.map(|end| end.saturating_add(days * DAY_MS));
        until_ms.is_some_and(|until| until <= self.host.now_ms())
    }
}

fn broken(error: estafette_store::StoreError) -> HostError {
    match error {
        estafette_store::StoreError::Busy => HostError::Overloaded,
        error => HostError::Internal(error.to_string()),
    }
}

#[cfg(test)]
mod tests;

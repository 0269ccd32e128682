// SPDX-License-Identifier: Apache-2.0
//! Mail: queued in the store, in the transaction of what it is about, and handed to the next server
//! behind the requests. A request never waits for a mail server, and a restart loses no mail.
//!
//! What they say is sealed while they wait ([`seal`]).
//!
//! Mails are plain text made of our own words. The one thing in them that somebody else chose is
//! the display name of the recipient, which the policy makes (T-I9).

pub(crate) mod letters;
pub(crate) mod seal;
mod transport;

use std::{collections::HashSet, sync::Arc, time::Duration};

use estafette_core::{
    ids::ServerName,
    limits::{MAIL_AT_ONCE, MAIL_LIFETIME_S, MAIL_TIMEOUT_S},
};
use estafette_store::{
    IdentityStore as _, StoreResult,
    identity::{NewMail, WaitingMail},
};
use tokio::{sync::Notify, task::JoinSet};

pub use self::transport::MailError;
use self::{
    letters::Letter,
    transport::{Handed, Transport},
};
use crate::{Identity, config};

/// How long to wait after each try, in seconds; the last for all further ones.
const RETRY_S: &[i64] = &[10, 30, 60, 300, 900, 1800, 3600];
/// How long the outbox rests when nobody wakes it.
const REST: Duration = Duration::from_secs(10);

/// The way out for mail.
pub(crate) struct Mailer {
    transport: Option<Transport>,
    wake: Notify,
}

impl Mailer {
    /// Reads what the operator decided.
    pub(crate) fn open(config: &config::Mail, here: &ServerName) -> Result<Self, MailError> {
        Ok(Self { transport: Transport::open(config, here)?, wake: Notify::new() })
    }

    /// Whether mail can be sent at all.
    pub(crate) fn works(&self) -> bool {
        self.transport.is_some()
    }

    /// Something was queued.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }
}

/// Says what is wrong with what the operator decided, as opening it would, and makes no folder.
pub(crate) fn check(config: &config::Mail, here: &ServerName) -> Result<(), MailError> {
    Transport::check(config, here)
}

/// Mails that are being handed over.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<i64>,
    ids: HashSet<i64>,
}

impl UnderWay {
    /// Waits until one has ended. `false`: there is none.
    async fn one_ends(&mut self) -> bool {
        match self.tasks.join_next().await {
            Some(Ok(id)) => self.ids.remove(&id),
            // It is due still, and tried again once nothing else is under way.
            Some(Err(error)) => {
                tracing::error!(%error, "a mail could not be handed over");
                true
            }
            None => {
                self.ids.clear();
                false
            }
        }
    }
}

impl Identity {
    /// A mail as it is queued. It ends with `expires_ms`, or after three days.
    pub(crate) fn compose(
        &self,
        recipient: &str,
        letter: Letter,
        expires_ms: Option<i64>,
    ) -> NewMail {
        let now_ms = self.host.now_ms();
        let lifetime_ms = (MAIL_LIFETIME_S * 1000).cast_signed();
        NewMail {
            recipient: recipient.to_owned(),
            sealed: seal::seal(&*self.host, recipient, &letter),
            now_ms,
            expires_ms: expires_ms.unwrap_or_else(|| now_ms.saturating_add(lifetime_ms)),
        }
    }

    /// Queues a mail that stands alone.
    pub(crate) async fn post(&self, recipient: &str, letter: Letter) -> StoreResult<()> {
        self.store.put_mail(self.compose(recipient, letter, None)).await?;
        self.mailer.wake();
        Ok(())
    }

    /// Hands over mail for as long as the server runs: several at once, so that one recipient whose
    /// server is slow holds up nobody's code.
    pub(crate) async fn run_outbox(self: Arc<Self>) {
        if !self.mailer.works() {
            return;
        }
        let mut under_way = UnderWay::default();
        loop {
            if let Err(error) = self.begin_due(&mut under_way).await {
                tracing::warn!(%error, "the outbox cannot be read");
            }
            tokio::select! {
                true = under_way.one_ends() => {}
                () = self.mailer.wake.notified() => {}
                () = tokio::time::sleep(REST) => {}
            }
        }
    }

    /// Begins to hand over mail whose time has come, as much as there is room for. How many.
    async fn begin_due(self: &Arc<Self>, under_way: &mut UnderWay) -> StoreResult<usize> {
        let room = MAIL_AT_ONCE.saturating_sub(under_way.ids.len());
        if room == 0 {
            return Ok(0);
        }
        // Those that are under way are due still.
        let due = self.store.due_mail(self.host.now_ms(), 2 * MAIL_AT_ONCE as u64).await?;
        let waiting = due.into_iter().filter(|mail| !under_way.ids.contains(&mail.id));
        let waiting: Vec<WaitingMail> = waiting.take(room).collect();
        let begun = waiting.len();
        for mail in waiting {
            under_way.ids.insert(mail.id);
            let identity = Arc::clone(self);
            under_way.tasks.spawn(async move {
                if let Err(error) = identity.deliver(&mail).await {
                    tracing::warn!(%error, "what became of a mail cannot be written down");
                }
                mail.id
            });
        }
        Ok(begun)
    }

    /// Tries the mail whose time has come, as much as is tried at once. How many were tried.
    #[cfg(test)]
    pub(crate) async fn deliver_due(self: &Arc<Self>) -> StoreResult<usize> {
        let mut under_way = UnderWay::default();
        let begun = self.begin_due(&mut under_way).await?;
        while under_way.one_ends().await {}
        Ok(begun)
    }

    async fn deliver(&self, mail: &WaitingMail) -> StoreResult<()> {
        let Some(transport) = &self.mailer.transport else { return Ok(()) };
        if mail.recipient.is_empty() {
            return self.store.mail_done(mail.id).await;
        }
        let timeout = Duration::from_secs(MAIL_TIMEOUT_S);
        match tokio::time::timeout(timeout, transport.hand_over(self, mail)).await {
            Ok(Handed::Accepted) => self.store.mail_done(mail.id).await,
            Ok(Handed::Refused(why)) => {
                tracing::warn!(mail = mail.id, %why, "a mail was refused for good");
                self.store.mail_done(mail.id).await
            }
            Ok(Handed::NotYet(why)) => self.try_later(mail.id, mail.tries, &why).await,
            Err(_) => self.try_later(mail.id, mail.tries, "no answer in time").await,
        }
    }

    async fn try_later(&self, id: i64, tries: u32, why: &str) -> StoreResult<()> {
        let wait_s = RETRY_S.get(tries as usize).or(RETRY_S.last()).copied().unwrap_or(3600);
        tracing::warn!(mail = id, tries, why, "a mail was not accepted; it is tried again");
        let next_ms = self.host.now_ms().saturating_add(wait_s * 1000);
        self.store.mail_failed(id, next_ms).await
    }
}

#[cfg(test)]
mod tests;

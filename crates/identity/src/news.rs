// SPDX-License-Identifier: Apache-2.0
//! Telling the mailbox of an account what was done to it: the one way in which its owner hears of
//! it when it was somebody else.
//!
//! The letters are words of ours alone, without a link: nothing in them is chosen by whoever did
//! it, and nobody learns to click on links in such mails.

use estafette_core::{
    ids::{DeviceId, UserId},
    limits::NEW_ACCOUNT_S,
};
use estafette_store::{AccountStore as _, PeopleStore as _, StoreError};

use crate::{Identity, mail::letters, pages::Language};

/// What was done to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It has another password.
    PasswordChanged,
    /// It was ended.
    Deactivated,
    /// It has another address, or none; told to the old one.
    AddressSet,
    /// A device that was not known is signed in.
    NewDevice,
    /// Its cross-signing keys may be replaced.
    KeysMayBeReset,
    /// It is opened by a subject of a provider from now on, in the place of the one before, if
    /// there was one.
    SubjectLinked,
    /// A provider's word opens it no longer.
    SubjectUnlinked,
}

impl Identity {
    /// Writes to a mailbox, in French and English: nobody is there to ask. What cannot be told
    /// undoes nothing.
    pub async fn tell(&self, email: &str, news: News) {
        self.tell_in(email, news, None).await;
    }

    /// Tells the owner of an account, where there is a mailbox, of a new device, unless the account
    /// is being set up.
    pub(crate) async fn tell_of_device(&self, user_id: &UserId) {
        let mailbox = async {
            let account = self.store.account(user_id).await?;
            let since_ms = self.host.now_ms().saturating_sub((NEW_ACCOUNT_S * 1000).cast_signed());
            if account.is_none_or(|account| account.created_ms > since_ms) {
                return Ok(None);
            }
            let person = self.store.person(user_id).await?;
            Ok::<_, StoreError>(person.and_then(|person| person.details.email))
        };
        match mailbox.await {
            Ok(Some(email)) => self.tell(&email, News::NewDevice).await,
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "a new device could not be told by mail"),
        }
    }

    /// Tells the owner of an account, where there is a mailbox.
    pub(crate) async fn tell_owner(
        &self,
        user_id: &UserId,
        news: News,
        language: Option<Language>,
    ) {
        match self.store.person(user_id).await {
            Ok(person) => {
                if let Some(email) = person.and_then(|person| person.details.email) {
                    self.tell_in(&email, news, language).await;
                }
            }
            Err(error) => tracing::warn!(%error, ?news, "an owner could not be told by mail"),
        }
    }

    /// Tells the owner of an account, where there is a mailbox, that a session was ended because
    /// its refresh token or its code came twice: somebody else may have a copy.
    pub async fn tell_of_reuse(
        &self,
        user_id: &UserId,
        device_id: &DeviceId,
        application: Option<&str>,
    ) {
        if !self.mailer.works() {
            return;
        }
        let ended = letters::EndedSession {
            application,
            device: device_id.as_str(),
            at_ms: self.host.now_ms(),
        };
        let letter = letters::session_ended(&self.config.service_name, &ended);
        let told = async {
            let person = self.store.person(user_id).await?;
            match person.and_then(|person| person.details.email) {
                Some(email) => self.post(&email, letter).await,
                None => Ok(()),
            }
        };
        if let Err(error) = told.await {
            tracing::warn!(%error, "the end of a session could not be told by mail");
        }
    }

    /// What [`tell`](Self::tell) tells, in the language of whoever is there.
    pub(crate) async fn tell_in(&self, email: &str, news: News, language: Option<Language>) {
        if !self.mailer.works() || (news == News::NewDevice && !self.config.mail.tell_new_devices) {
            return;
        }
        let letter = letters::news(language, &self.config.service_name, news);
        if let Err(error) = self.post(email, letter).await {
            tracing::warn!(%error, ?news, "what was done to an account could not be told by mail");
        }
    }
}

#[cfg(test)]
mod tests;

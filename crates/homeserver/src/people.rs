// SPDX-License-Identifier: Apache-2.0
//! The people behind accounts, as far as this server asks about them: what makes a password of
//! theirs good enough, and the mailbox that is told what was done to an account.
//!
//! People are accounts with an e-mail address. Bots and tools have none, and are asked nothing more
//! than [`check_new`].

use async_trait::async_trait;
use estafette_core::ids::UserId;
use estafette_store::PeopleStore as _;
use http::StatusCode;

use crate::{ApiError, ApiResult, Server, auth::password::check_new};

/// What was done to an account, for its owner to hear of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountNews {
    /// It has another password.
    PasswordChanged,
    /// It was ended.
    Deactivated,
    /// It has another address, or none; told to the old one.
    AddressSet,
    /// A device that was not known is signed in.
    NewDevice,
}

/// Whoever knows the people behind accounts. Lent to this server before it serves.
#[async_trait]
pub trait People: Send + Sync {
    /// Why whoever has the address cannot choose `password`, as a sentence. `None`: they can.
    fn password_weakness(&self, password: &str, email: &str) -> Option<String>;

    /// Writes to a mailbox, in words of the server alone. What cannot be told undoes nothing.
    async fn tell(&self, email: &str, news: AccountNews);
}

/// Refuses a password that is too short, and for people one that is easily guessed.
///
/// Client-Server API, "Password management": `M_WEAK_PASSWORD`.
pub(crate) async fn check_password(
    server: &Server,
    user_id: &UserId,
    password: &str,
) -> ApiResult<()> {
    check_new(password, server.config.login.password_length_min)?;
    let Some(people) = server.people.get() else { return Ok(()) };
    let Some(email) = mailbox(server, user_id).await? else { return Ok(()) };
    match people.password_weakness(password, &email) {
        None => Ok(()),
        Some(why) => Err(ApiError::new(StatusCode::BAD_REQUEST, "M_WEAK_PASSWORD", why)),
    }
}

/// The mailbox that is told what is done to an account; to be asked before what may take it away.
/// `None` where there is none, or nobody who writes to it.
pub(crate) async fn mailbox(server: &Server, user_id: &UserId) -> ApiResult<Option<String>> {
    if server.people.get().is_none() {
        return Ok(None);
    }
    let person = server.store.person(user_id).await?;
    Ok(person.filter(|person| !person.deactivated).and_then(|person| person.details.email))
}

/// Tells a mailbox what was done.
pub(crate) async fn tell(server: &Server, mailbox: Option<&str>, news: AccountNews) {
    if let (Some(people), Some(email)) = (server.people.get(), mailbox) {
        people.tell(email, news).await;
    }
}

#[cfg(test)]
pub(crate) mod tests;

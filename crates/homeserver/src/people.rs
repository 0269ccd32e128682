// SPDX-License-Identifier: Apache-2.0
//! The people behind accounts, as far as this server asks about them: what makes a password of
//! theirs good enough, and the mailbox that is told what was done to an account.
//!
//! People are accounts with an e-mail address. Bots and tools have none, and are asked nothing more
//! than [`check_new`].

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{PeopleStore as _, people::Person};
use http::StatusCode;
use serde_json::{Value, json};

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

/// What became of asking for the mail that renews an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewalMail {
    /// It is on its way.
    Queued,
    /// The account has no end, or there is nobody to write to.
    NothingToRenew,
    /// No mail is sent from here.
    NoMail,
}

/// Whoever knows the people behind accounts. Lent to this server before it serves.
#[async_trait]
pub trait People: Send + Sync {
    /// Why whoever has the address cannot choose `password`, as a sentence. `None`: they can.
    fn password_weakness(&self, password: &str, email: &str) -> Option<String>;

    /// Writes to a mailbox, in words of the server alone. What cannot be told undoes nothing.
    async fn tell(&self, email: &str, news: AccountNews);

    /// Tells the owner of an account that a session was ended because its refresh token came twice.
    async fn tell_of_reuse(&self, user_id: &UserId, device_id: &DeviceId);

    /// Sends the owner of an account the mail that renews it, also after its end. The links that
    /// were sent before end.
    async fn mail_renewal(&self, user_id: &UserId) -> ApiResult<RenewalMail>;

    /// When an account that is renewed now ends, in ms since the epoch. `None`: accounts do not end
    /// by themselves here.
    fn next_expiry_ms(&self) -> Option<i64>;

    /// The name of the organisation whose label `name` bears, where that is not the one with the id
    /// `own`.
    fn borrowed_label(&self, name: &str, own: Option<&str>) -> Option<String>;

    /// Whether the owner of an account can sign in anew on the pages: by a password, a mailbox or
    /// another provider.
    async fn may_prove(&self, user_id: &UserId) -> ApiResult<bool>;

    /// The address of the page on which an account is renewed.
    fn renewal_page(&self) -> Option<String>;
}

/// 403 `ORG_MATRIX_EXPIRED_ACCOUNT`, as servers with a period of validity answer until the account
/// is renewed (Synapse's account validity; not in the specification, clients of such servers know
/// it). `org.estafette.renewal_url` is the page where that is done.
pub(crate) fn expired(server: &Server) -> ApiError {
    let error = |message: String| {
        ApiError::new(StatusCode::FORBIDDEN, "ORG_MATRIX_EXPIRED_ACCOUNT", message)
    };
    match server.people.get().and_then(|people| people.renewal_page()) {
        Some(page) => error(format!(
            "This account has expired. To use it again, open {page}, sign in, and have the mail \
             sent that renews it."
        ))
        .with("org.estafette.renewal_url", page),
        None => {
            let message = "This account has expired. An administrator of this server can renew it.";
            error(message.into())
        }
    }
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

/// The address of a person as a third-party identifier of the account.
///
/// Client-Server API, "Adding Account Administrative Contact Information".
pub(crate) fn third_party_id(person: &Person) -> Option<Value> {
    let address = person.details.email.as_ref()?;
    Some(json!({
        "medium": "email",
        "address": address,
        "validated_at": person.email_since_ms,
        "added_at": person.email_since_ms,
    }))
}

/// Whether the owner of an account can prove on the pages of this server who they are.
pub(crate) async fn may_prove_on_pages(server: &Server, user_id: &UserId) -> ApiResult<bool> {
    match server.people.get() {
        Some(people) => people.may_prove(user_id).await,
        None => Ok(false),
    }
}

/// Tells a mailbox what was done.
pub(crate) async fn tell(server: &Server, mailbox: Option<&str>, news: AccountNews) {
    if let (Some(people), Some(email)) = (server.people.get(), mailbox) {
        people.tell(email, news).await;
    }
}

#[cfg(test)]
pub(crate) mod tests;

/// Refuses a name with the label of an organisation that the user is not of: labels are how a
/// server says where its people belong, and bots and accounts without an address have none.
pub(crate) async fn check_label(server: &Server, user_id: &UserId, name: &str) -> ApiResult<()> {
    let Some(people) = server.people.get() else { return Ok(()) };
    // Most names have no label, and nothing is read for them.
    if people.borrowed_label(name, None).is_none() {
        return Ok(());
    }
    let person = server.store.person(user_id).await?;
    let own = person.and_then(|person| person.details.organisation_id);
    match people.borrowed_label(name, own.as_deref()) {
        Some(organisation) => Err(ApiError::forbidden(format!(
            "A display name with this label is for people of {organisation}."
        ))),
        None => Ok(()),
    }
}

// SPDX-License-Identifier: Apache-2.0
//! From what a provider says to an account here.

use estafette_core::{email_address::EmailAddress, ids::UserId};
use estafette_store::{
    AccountStore as _, PeopleStore as _, UpstreamStore as _,
    accounts::NewAccount,
    people::{CreatePersonOutcome, PersonDetails},
    upstream::LinkOutcome,
};
use serde_json::{Map, Value};

use super::{claims::text, config::ProviderConfig};
use crate::{Identity, pages::Trouble};

/// How often another user id is drawn when one is taken.
const DRAWS: usize = 4;
const LOCALPART_LETTERS: usize = 16;

/// Whom a provider means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This account.
    Account(UserId),
    /// Nobody who may come in; the page says why.
    Refused(Refused),
}

/// Why somebody whom a provider knows is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not vouch for an address, or not for one of that domain.
    Address,
    /// There is no account, and none is made.
    NoAccount,
    /// The address belongs to an account of another person of that provider.
    OtherPerson,
    /// The account is locked or deactivated.
    Closed,
}

/// The account of a subject: the one it is linked to, else the one of its address, else a new one
/// where that is allowed.
pub(super) async fn find(
    identity: &Identity,
    provider: &ProviderConfig,
    subject: &str,
    claims: &Map<String, Value>,
) -> Result<Found, Trouble> {
    if let Some(user_id) = identity.store.upstream_user(&provider.id, subject).await? {
        return open(identity, user_id).await;
    }
    let Some(email) = vouched_address(provider, claims) else {
        return Ok(Found::Refused(Refused::Address));
    };
    let known = identity.store.person_by_email(email.as_str()).await?;
    let user_id = match known.filter(|person| !person.deactivated) {
        Some(person) => person.user_id,
        None if !provider.creates_accounts => return Ok(Found::Refused(Refused::NoAccount)),
        None => create(identity, &email, claims).await?,
    };
    match identity.store.link_upstream(&provider.id, subject, &user_id).await? {
        LinkOutcome::Linked => open(identity, user_id).await,
        LinkOutcome::Different => Ok(Found::Refused(Refused::OtherPerson)),
    }
}

async fn open(identity: &Identity, user_id: UserId) -> Result<Found, Trouble> {
    let account = identity.store.account(&user_id).await?;
    let is_open = account.is_some_and(|account| !account.deactivated && !account.locked);
    Ok(if is_open { Found::Account(user_id) } else { Found::Refused(Refused::Closed) })
}

/// The address, in its one form, if the provider vouches for it and may.
fn vouched_address(provider: &ProviderConfig, claims: &Map<String, Value>) -> Option<EmailAddress> {
    let verified = match claims.get("email_verified") {
        Some(Value::Bool(verified)) => *verified,
        // Some providers send it as a text.
        Some(Value::String(text)) => text == "true",
        Some(_) => false,
        None => provider.vouches_for_email,
    };
    let address = EmailAddress::parse(text(claims, "email")?).ok()?;
    (verified && provider.may_vouch_for(address.domain())).then_some(address)
}

/// A new account: its id says nothing of who it is.
async fn create(
    identity: &Identity,
    email: &EmailAddress,
    claims: &Map<String, Value>,
) -> Result<UserId, Trouble> {
    let displayname = display_name(claims);
    for _ in 0..DRAWS {
        let user_id = draw_user_id(identity)?;
        let account = NewAccount {
            user_id: user_id.clone(),
            password_hash: None,
            appservice_id: None,
            is_admin: false,
            displayname: displayname.clone(),
            registration_token: None,
            login: None,
            now_ms: identity.host.now_ms(),
        };
        let details =
            PersonDetails { email: Some(email.as_str().to_owned()), ..PersonDetails::default() };
        match identity.store.create_person(account, details).await? {
            CreatePersonOutcome::Created => return Ok(user_id),
            CreatePersonOutcome::Taken => {}
            // Somebody was faster with the same address: the next try finds the account.
            CreatePersonOutcome::EmailTaken => return Err(Trouble::Busy),
            CreatePersonOutcome::TokenInvalid => break,
        }
    }
    Err(Trouble::Broken("no user id could be drawn".into()))
}

/// What the provider calls the person (ProConnect names the second one `usual_name`).
fn display_name(claims: &Map<String, Value>) -> Option<String> {
    let family = text(claims, "usual_name").or_else(|| text(claims, "family_name"));
    match (text(claims, "given_name"), family) {
        (Some(given), Some(family)) => Some(format!("{given} {family}")),
        _ => text(claims, "name").map(str::to_owned),
    }
}

fn draw_user_id(identity: &Identity) -> Result<UserId, Trouble> {
    let mut bytes = [0; LOCALPART_LETTERS];
    identity.host.fill_random(&mut bytes);
    // 32 letters divide a byte evenly.
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    let localpart: String = bytes
        .iter()
        .filter_map(|byte| letters.get(usize::from(byte % 32)).copied().map(char::from))
        .collect();
    UserId::from_localpart(&localpart, identity.host.server_name())
        .map_err(|error| Trouble::Broken(error.to_string()))
}

// SPDX-License-Identifier: Apache-2.0
//! From what a provider says to an account here.

use estafette_core::{email_address::EmailAddress, ids::UserId};
use estafette_store::{
    AccountStore as _, IdentityStore as _, PeopleStore as _, UpstreamStore as _,
    people::{AdminAct, AuditEntry},
    upstream::{LinkOutcome, LinkReason},
};
use serde_json::{Map, Value, json};

use super::{claims::text, config::ProviderConfig};
use crate::{
    Identity, News,
    pages::{Language, Trouble},
};

/// Whom a provider means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// This account.
    Account(UserId),
    /// This account, once it is proven: its address may have been another person's.
    Unproven(UserId, Proof),
    /// Nobody who may come in; the page says why.
    Refused(Refused),
}

/// By what an account is proven to be somebody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Proof {
    /// Its password.
    Password,
    /// It has none, and its mailbox opens it.
    Mailbox,
    /// It has none, and a provider knows its owner by another subject: its mailbox may be another
    /// person's by now.
    Nothing,
}

/// Why somebody whom a provider knows is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// It does not vouch for an address, or not for one of that domain.
    Address,
    /// There is no account, and none is made.
    NoAccount,
    /// It is the account of another person.
    OtherPerson,
    /// The account of the address is known by another subject, and nothing else tells whose it is.
    OtherSubject,
    /// The password of the account came too late, or was wrong too often.
    JoinEnded,
    /// Another person proved themselves than the one who is signed in.
    NotYou,
    /// The provider did not ask the person, or does not say that it did.
    NotProven,
    /// The account is deactivated.
    Closed,
    /// The provider did not have the person prove as much as the operator demands.
    TooWeak,
}

/// The account of a subject: the one it is linked to, else the one of its address, else a new one
/// where that is allowed.
///
/// Addresses go from people who left to people who come (OpenID Connect Core, section 5.7), so one
/// alone opens no account that somebody used: it is proven once. So does the account of somebody
/// whose subject is another one by now: a provider that stands for others has a subject for each of
/// them (ProConnect, "identifiant unique … spécifique à chaque Fournisseur d'Identité").
pub(super) async fn find(
    identity: &Identity,
    provider: &ProviderConfig,
    subject: &str,
    claims: &Map<String, Value>,
) -> Result<Found, Trouble> {
    if let Some(user_id) = identity.store.upstream_user(&provider.id, subject).await? {
        if !is_still_of(identity, provider, &user_id, claims).await? {
            return Ok(Found::Refused(Refused::Address));
        }
        return open(identity, user_id).await;
    }
    let Some(email) = vouched_address(provider, claims) else {
        return Ok(Found::Refused(Refused::Address));
    };
    let known = identity.store.person_by_email(email.as_str()).await?;
    if known.as_ref().is_some_and(|person| person.deactivated && !person.may_come_back()) {
        return Ok(Found::Refused(Refused::Closed));
    }
    let known = known.filter(|person| !person.deactivated);
    let is_new = known.is_none();
    let user_id = match known {
        Some(person) => person.user_id,
        None if !provider.creates_accounts => return Ok(Found::Refused(Refused::NoAccount)),
        None => match create(identity, &email).await? {
            Some(user_id) => user_id,
            None => return Ok(Found::Refused(Refused::NoAccount)),
        },
    };
    let authority = provider.is_authoritative_for(email.domain());
    let reason = if authority { LinkReason::Authority } else { LinkReason::Address };
    match identity.store.link_upstream(&provider.id, subject, &user_id, reason).await? {
        LinkOutcome::Linked => {
            if !is_new {
                linked(identity, &provider.id, &user_id, reason, None).await;
            }
            open(identity, user_id).await
        }
        LinkOutcome::Different => Ok(Found::Refused(Refused::OtherPerson)),
        LinkOutcome::Unproven => unproven(identity, user_id, &email).await,
    }
}

/// Tells the owner of an account that a subject opens it from now on, and keeps a line of it in the
/// audit log. What cannot be told undoes nothing.
pub(super) async fn linked(
    identity: &Identity,
    provider: &str,
    user_id: &UserId,
    reason: LinkReason,
    language: Option<Language>,
) {
    let by = match reason {
        LinkReason::Proven => "proof",
        LinkReason::Authority => "authority",
        LinkReason::Address => "address",
    };
    let details = json!({ "provider": provider, "by": by }).to_string();
    let now_ms = identity.host.now_ms();
    let entry = AuditEntry { actor: user_id.to_string(), reason: None, now_ms };
    let act = AdminAct::Note("account.link".into(), details);
    if let Err(error) = identity.host.administer(entry, Some(user_id), vec![act]).await {
        tracing::error!(%error, %user_id, provider, "a link is not in the audit log");
    }
    identity.tell_owner(user_id, News::SubjectLinked, language).await;
}

async fn unproven(
    identity: &Identity,
    user_id: UserId,
    email: &EmailAddress,
) -> Result<Found, Trouble> {
    let Found::Account(user_id) = open(identity, user_id).await? else {
        return Ok(Found::Refused(Refused::Closed));
    };
    let account = identity.store.account(&user_id).await?;
    let has_password = account.is_some_and(|account| account.password_hash.is_some());
    let proof = if has_password {
        Proof::Password
    } else if identity.opened_by_mailbox(email).await?.as_ref() == Some(&user_id) {
        Proof::Mailbox
    } else {
        Proof::Nothing
    };
    Ok(Found::Unproven(user_id, proof))
}

/// Whether somebody who is known has an address of a domain that the provider may vouch for, as far
/// as it names one. An address that is another one by now is told to the operator: who somebody
/// works for is the policy's to say, or an administrator's.
async fn is_still_of(
    identity: &Identity,
    provider: &ProviderConfig,
    user_id: &UserId,
    claims: &Map<String, Value>,
) -> Result<bool, Trouble> {
    let named = text(claims, "email").and_then(|email| EmailAddress::parse(email).ok());
    let Some(named) = named else { return Ok(true) };
    if !provider.may_vouch_for(named.domain()) {
        let provider = &provider.id;
        tracing::warn!(%user_id, %provider, "a known subject is of another domain now");
        return Ok(false);
    }
    let person = identity.store.person(user_id).await?;
    let kept = person.and_then(|person| person.details.email);
    if kept.is_some_and(|kept| kept != named.as_str()) {
        let provider = &provider.id;
        tracing::warn!(%user_id, %provider, "a known subject has another address now");
    }
    Ok(true)
}

async fn open(identity: &Identity, user_id: UserId) -> Result<Found, Trouble> {
    let account = identity.store.account(&user_id).await?.filter(|account| !account.deactivated);
    if account.as_ref().is_some_and(|account| account.locked) {
        return Err(Trouble::Locked);
    }
    let is_open = account.is_some();
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

/// A new account for whom the policy expects here, under the name that it gives. `None`: nobody is
/// expected from there, or a guest without an invitation.
async fn create(identity: &Identity, email: &EmailAddress) -> Result<Option<UserId>, Trouble> {
    let here = identity.host.server_name();
    let organisation = identity.policy.organisation_of(email);
    let Some(organisation) = organisation.filter(|found| found.homeserver == *here) else {
        return Ok(None);
    };
    let now_ms = identity.host.now_ms();
    if organisation.guests && !identity.store.is_invited(email.as_str(), now_ms).await? {
        return Ok(None);
    }
    match identity.make_account(email, organisation, None).await? {
        Some(user_id) => Ok(Some(user_id)),
        // Somebody was faster with the same address, or with the invitation: the next try finds
        // what there is.
        None => Err(Trouble::Busy),
    }
}

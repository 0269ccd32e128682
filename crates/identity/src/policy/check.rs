// SPDX-License-Identifier: Apache-2.0
//! Whom the policy moves: one reading of it, for the dry run and for what is then done.

use estafette_core::{
    email_address::EmailAddress,
    ids::{ServerName, UserId},
    limits::PEOPLE_PER_READ,
};
use estafette_store::{
    AccountStore, PeopleStore, StoreResult,
    people::{Person, Placement},
};
use serde::Serialize;

use super::{Organisation, Policy};
use crate::display_name::{bare_name, display_name};

/// One account that the policy places elsewhere than where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Whose.
    pub user_id: String,
    /// The address that decides.
    pub address: String,
    /// The organisation it is in now, by id.
    pub from: Option<String>,
    /// The one that the policy says. `None`: none, or nobody is expected with this address.
    pub to: Option<String>,
    /// The server that the policy says, where it is not this one.
    pub homeserver: Option<String>,
    /// Whether it is a guest's account then.
    pub guest: bool,
    /// Whether it is one now.
    pub was_guest: bool,
    /// The display name that it gets, where it gets another one.
    pub name: Option<String>,
    /// Whether an administrator becomes a guest, and by that no administrator.
    pub loses_admin: bool,
    /// Whether there is nowhere on this server to move to: nobody is expected with this address, or
    /// only on another server. Such an account stays on this server until an administrator decides,
    /// in the organisation of the other server, or as a guest of none.
    pub unplaced: bool,
}

/// What a policy would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// How many accounts with an address there are.
    pub accounts: u64,
    /// How many of them are where an administrator said, whatever the policy says.
    pub fixed: u64,
    /// Who would move, in the order of their accounts.
    pub moves: Vec<Move>,
}

/// Some people and what the policy says of them.
pub(super) struct Page {
    /// The last of them.
    pub(super) last: UserId,
    pub(super) accounts: u64,
    pub(super) fixed: u64,
    /// Who is not where the policy places them, or cannot be here, and what would be written;
    /// `None` where that is written already.
    pub(super) moves: Vec<(Move, Option<(UserId, Placement)>)>,
}

/// Compares every account that has an address with what `policy` says. Changes nothing.
pub async fn check<S: PeopleStore + AccountStore>(
    policy: &Policy,
    here: &ServerName,
    store: &S,
) -> StoreResult<Moves> {
    let mut found = Moves::default();
    let mut after: Option<UserId> = None;
    while let Some(page) = page(policy, here, store, after.as_ref()).await? {
        found.accounts = found.accounts.saturating_add(page.accounts);
        found.fixed = found.fixed.saturating_add(page.fixed);
        found.moves.extend(page.moves.into_iter().map(|(movement, _)| movement));
        after = Some(page.last);
    }
    Ok(found)
}

/// The people after `after`. `None`: there are no more.
pub(super) async fn page<S: PeopleStore + AccountStore>(
    policy: &Policy,
    here: &ServerName,
    store: &S,
    after: Option<&UserId>,
) -> StoreResult<Option<Page>> {
    let people = store.people_after(after, PEOPLE_PER_READ).await?;
    let Some(last) = people.last().map(|person| person.user_id.clone()) else { return Ok(None) };
    let mut page = Page { last, accounts: 0, fixed: 0, moves: Vec::new() };
    for person in &people {
        let Some(email) = &person.details.email else { continue };
        page.accounts = page.accounts.saturating_add(1);
        if person.details.organisation_fixed {
            page.fixed = page.fixed.saturating_add(1);
            continue;
        }
        let Some((mut movement, placement)) = movement(policy, here, person, email) else {
            continue;
        };
        if let Some(placement) = &placement {
            let shown = shown_name(store, &person.user_id).await?;
            movement.name = person.renamed(shown.as_deref(), placement);
        }
        let placement = placement.map(|placement| (person.user_id.clone(), placement));
        page.moves.push((movement, placement));
    }
    Ok(Some(page))
}

/// What somebody is called now.
pub(crate) async fn shown_name<S: AccountStore>(
    store: &S,
    user_id: &UserId,
) -> StoreResult<Option<String>> {
    let profile = store.profile(user_id).await?.unwrap_or_default();
    let name = profile.into_iter().find(|(key, _)| key == "displayname");
    Ok(name.and_then(|(_, json)| serde_json::from_str(&json).ok()))
}

fn movement(
    policy: &Policy,
    here: &ServerName,
    person: &Person,
    email: &str,
) -> Option<(Move, Option<Placement>)> {
    let address = EmailAddress::parse(email).ok();
    let organisation = address.as_ref().and_then(|address| policy.organisation_of(address));
    let elsewhere = organisation.filter(|organisation| organisation.homeserver != *here);
    let placement = match (&address, organisation) {
        (Some(address), Some(organisation)) => placement(address, organisation),
        (address, _) => nowhere(email, address.as_ref()),
    };
    let unplaced = organisation.is_none() || elsewhere.is_some();
    let is_there = is_there(person, &placement);
    if is_there && !unplaced {
        return None;
    }
    let movement = Move {
        user_id: person.user_id.to_string(),
        address: email.to_owned(),
        from: person.details.organisation_id.clone(),
        to: organisation.and_then(|organisation| named(&organisation.id)),
        homeserver: elsewhere.map(|organisation| organisation.homeserver.to_string()),
        guest: placement.guest,
        was_guest: person.details.guest,
        name: None,
        loses_admin: placement.guest && person.admin,
        unplaced,
    };
    Some((movement, (!is_there).then_some(placement)))
}

/// Where somebody belongs whom the policy expects nowhere: they were an organisation's people and
/// are no longer, so they keep their account and have no more rights than a guest.
fn nowhere(email: &str, address: Option<&EmailAddress>) -> Placement {
    Placement {
        email: email.to_owned(),
        guest: true,
        derived_name: address.map(bare_name),
        ..Placement::default()
    }
}

/// Where an address belongs in an organisation.
pub(crate) fn placement(address: &EmailAddress, organisation: &Organisation) -> Placement {
    Placement {
        email: address.to_string(),
        organisation_id: named(&organisation.id),
        organisation_name: named(&organisation.name),
        guest: organisation.guests,
        organisation_fixed: false,
        derived_name: Some(display_name(address, organisation)),
        expires_ms: None,
    }
}

fn is_there(person: &Person, placement: &Placement) -> bool {
    let known = &person.details;
    known.organisation_id == placement.organisation_id
        && known.organisation_name == placement.organisation_name
        && known.guest == placement.guest
        && (placement.derived_name.is_none() || known.derived_name == placement.derived_name)
}

fn named(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

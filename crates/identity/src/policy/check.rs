// SPDX-License-Identifier: Apache-2.0
//! The dry run: whom a policy would move, before it is put into force.

use estafette_core::{
    email_address::EmailAddress,
    ids::{ServerName, UserId},
    limits::PEOPLE_PER_READ,
};
use estafette_store::{PeopleStore, StoreResult, people::Person};
use serde::Serialize;

use super::Policy;

/// One account that the policy places elsewhere than where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Move {
    /// Whose.
    pub user_id: String,
    /// The address that decides.
    pub address: String,
    /// The organisation it is in now, by id.
    pub from: Option<String>,
    /// The one that the policy says. `None`: nobody is expected with this address.
    pub to: Option<String>,
    /// The server that the policy says, where it is not this one.
    pub homeserver: Option<String>,
}

/// What a policy would change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Moves {
    /// How many accounts with an address there are.
    pub accounts: u64,
    /// Who would move, in the order of their accounts.
    pub moves: Vec<Move>,
}

/// Compares every account that has an address with what `policy` says. Changes nothing.
pub async fn check<S: PeopleStore>(
    policy: &Policy,
    here: &ServerName,
    store: &S,
) -> StoreResult<Moves> {
    let mut found = Moves::default();
    let mut after: Option<UserId> = None;
    loop {
        let people = store.people_after(after.as_ref(), PEOPLE_PER_READ).await?;
        let Some(last) = people.last() else { return Ok(found) };
        after = Some(last.user_id.clone());
        for person in &people {
            let Some(email) = &person.details.email else { continue };
            found.accounts = found.accounts.saturating_add(1);
            found.moves.extend(movement(policy, here, person, email));
        }
    }
}

fn movement(policy: &Policy, here: &ServerName, person: &Person, email: &str) -> Option<Move> {
    let address = EmailAddress::parse(email).ok();
    let organisation = address.as_ref().and_then(|address| policy.organisation_of(address));
    let to = organisation.map(|organisation| organisation.id.clone()).filter(|id| !id.is_empty());
    let homeserver = organisation
        .map(|organisation| &organisation.homeserver)
        .filter(|homeserver| *homeserver != here)
        .map(ToString::to_string);
    let from = person.details.organisation_id.clone();
    if from == to && homeserver.is_none() && organisation.is_some() {
        return None;
    }
    let (user_id, address) = (person.user_id.to_string(), email.to_owned());
    Some(Move { user_id, address, from, to, homeserver })
}

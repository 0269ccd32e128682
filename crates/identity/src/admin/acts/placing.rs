// SPDX-License-Identifier: Apache-2.0
//! Where people belong: by the policy, unless an administrator insists.

use estafette_core::email_address::EmailAddress;
use estafette_store::{
    PeopleStore as _,
    people::{AdminAct, Person, PersonDetails, Placement},
};
use serde_json::{Value, json};

use super::{Administration, NewUser, Refusal, address, wrong};
use crate::{
    display_name,
    display_name::bare_name,
    policy::{self, Organisation},
};

impl Administration<'_> {
    pub(super) async fn apply_policy(&self, dry_run: bool) -> Result<Value, Refusal> {
        if !self.identity.policy_decides() {
            return Err(wrong("There is no policy to apply (identity.policy.file)."));
        }
        let how = if dry_run { policy::Apply::DryRun } else { policy::Apply::Asked };
        let applied = self.identity.apply_policy(&self.entry(), how).await?;
        if !dry_run {
            let told = json!({
                "accounts": applied.accounts, "moved": applied.moved,
                "losing_admin": applied.losing_admin, "complete": applied.complete,
            });
            let act = AdminAct::Note("policy.apply".into(), told.to_string());
            self.administer(None, act).await?;
        }
        serde_json::to_value(&applied).map_err(|error| Refusal::Broken(error.to_string()))
    }

    /// What is known of the owner of an account to be made.
    pub(super) fn new_details(&self, new: &NewUser) -> Result<PersonDetails, Refusal> {
        let email = new.email.as_deref().map(address).transpose()?;
        let insisted = new.organisation.as_deref();
        let placement = match &email {
            Some(email) => self.placed(email, insisted, new.guest)?,
            None => self.said(insisted, new.guest)?,
        };
        let lasting = !new.never_expires && email.is_some();
        let usual = self.identity.next_expiry_ms().filter(|_| lasting);
        Ok(PersonDetails {
            email: email.map(|email| email.to_string()),
            organisation_id: placement.organisation_id,
            organisation_name: placement.organisation_name,
            guest: placement.guest,
            expires_ms: new.expires_ms.or(usual),
            derived_name: placement.derived_name,
            organisation_fixed: placement.organisation_fixed,
            endless: new.never_expires,
        })
    }

    pub(super) async fn set_email(
        &self,
        user: &str,
        email: Option<String>,
        keep_organisation: bool,
    ) -> Result<Value, Refusal> {
        let Some(email) = email.as_deref().map(address).transpose()? else {
            return self.change(user, AdminAct::SetEmail(None)).await;
        };
        let user_id = self.account(user).await?.user_id;
        let known = self.identity.store.person(&user_id).await?;
        let Some(known) = known else { return Err(Refusal::NoUser(user.to_owned())) };
        let mut placement = if keep_organisation || !self.identity.policy_decides() {
            self.kept(&email, &known, keep_organisation)
        } else {
            self.placed(&email, None, false)?
        };
        placement.expires_ms = self.identity.next_expiry_ms();
        self.change(user_id.as_str(), AdminAct::SetAddress(Box::new(placement))).await
    }

    /// Where an address belongs, unless an organisation, or that it is a guest's, is insisted on.
    fn placed(
        &self,
        email: &EmailAddress,
        insisted: Option<&str>,
        guest: bool,
    ) -> Result<Placement, Refusal> {
        let identity = self.identity;
        if !identity.policy_decides() {
            let said = self.said(insisted, guest)?;
            return Ok(Placement { email: email.to_string(), ..said });
        }
        let expected = identity.policy.organisation_of(email);
        let here = identity.host.server_name();
        let by_policy = expected
            .filter(|organisation| organisation.homeserver == *here)
            .map(|organisation| policy::placement(email, organisation));
        if insisted.is_none() && !guest {
            return by_policy.ok_or_else(|| nowhere(expected.map(|found| &**found)));
        }
        let mut said = self.said(insisted, guest)?;
        said.email = email.to_string();
        let named_after = self.organisation(said.organisation_id.as_deref());
        let named_after = named_after.or(expected.map(|organisation| &**organisation));
        said.derived_name = named_after.map(|organisation| {
            // No guest has an organisation's label.
            if said.guest && !organisation.guests {
                bare_name(email)
            } else {
                display_name(email, organisation)
            }
        });
        said.organisation_fixed = by_policy.as_ref() != Some(&said);
        Ok(said)
    }

    /// Where an account is that stays in its organisation with another address.
    fn kept(&self, email: &EmailAddress, known: &Person, fixed: bool) -> Placement {
        let known = &known.details;
        Placement {
            email: email.to_string(),
            organisation_id: known.organisation_id.clone(),
            organisation_name: known.organisation_name.clone(),
            guest: known.guest,
            organisation_fixed: fixed,
            derived_name: self
                .organisation(known.organisation_id.as_deref())
                .map(|organisation| display_name(email, organisation)),
            expires_ms: None,
        }
    }

    /// An organisation by an administrator's word; where there is a policy it has to have it.
    fn said(&self, organisation: Option<&str>, guest: bool) -> Result<Placement, Refusal> {
        let known = self.organisation(organisation);
        if let (Some(id), None) = (organisation, known)
            && !self.identity.config.policy.file.as_os_str().is_empty()
        {
            return Err(wrong(format!("The policy has no organisation {id:?}.")));
        }
        if guest
            && self.identity.policy_decides()
            && self.organisation(Some(policy::GUESTS)).is_none()
        {
            return Err(wrong("The policy expects no guests: it has no [guests]."));
        }
        // A guest is of the organisation of guests, where none is said.
        let known = known.or_else(|| self.organisation(guest.then_some(policy::GUESTS)));
        let named = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let id = known.map(|known| known.id.as_str()).or(organisation);
        let name = known.map(|known| known.name.as_str()).or(organisation);
        Ok(Placement {
            organisation_id: id.and_then(named),
            organisation_name: name.and_then(named),
            guest: guest || known.is_some_and(|known| known.guests),
            ..Placement::default()
        })
    }

    fn organisation(&self, id: Option<&str>) -> Option<&Organisation> {
        self.identity.policy.organisations().get(id?).copied()
    }
}

/// Why an address has no place on this server, and what can be done.
fn nowhere(organisation: Option<&Organisation>) -> Refusal {
    match organisation {
        Some(organisation) => wrong(format!(
            "The policy has the people of {:?} on {}: this server takes the address only with an \
             organisation that you insist on.",
            organisation.id, organisation.homeserver
        )),
        None => wrong(
            "The policy expects nobody with this address: this server takes it only with an \
             organisation that you insist on.",
        ),
    }
}

#[cfg(test)]
mod tests;

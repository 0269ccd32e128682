// SPDX-License-Identifier: Apache-2.0
//! Invitations of guests: whoever is of no organisation signs up with one, once.

use estafette_core::{email_address::EmailAddress, limits::ACCOUNTS_PER_PAGE_MAX};
use estafette_store::{
    IdentityStore as _, PeopleStore as _, identity::GuestInvitation, people::AdminAct,
};
use serde_json::{Value, json};

use super::{super::render, Administration, Refusal, address, wrong};

impl Administration<'_> {
    pub(super) async fn invite(
        &self,
        email: &str,
        sponsor: Option<String>,
        expires_ms: i64,
    ) -> Result<Value, Refusal> {
        let email = address(email)?;
        self.check_guest(&email).await?;
        let email = email.to_string();
        if expires_ms <= self.identity.host.now_ms() {
            return Err(wrong("The invitation would have ended already."));
        }
        let sponsor = match sponsor {
            Some(sponsor) => Some(self.account(&sponsor).await?.user_id),
            None => None,
        };
        if let Some(sponsor) = &sponsor
            && let Some(person) = self.identity.store.person(sponsor).await?
            && person.details.guest
        {
            return Err(wrong("A guest cannot answer for another guest."));
        }
        let invited_by = sponsor.as_ref().map_or_else(|| self.actor.clone(), ToString::to_string);
        let invitation = GuestInvitation { address: email, invited_by, expires_ms };
        let act = AdminAct::InviteGuest(invitation.clone());
        self.administer(sponsor.as_ref(), act).await?;
        let mut shown = render::invitation(&invitation);
        let base = self.identity.host.public_base_url();
        if let (Some(members), Some(base)) = (shown.as_object_mut(), base) {
            members.insert("sign_up".into(), json!(format!("{base}/_estafette/sign-up")));
        }
        Ok(shown)
    }

    /// Refuses an address for which an invitation would mean nothing.
    async fn check_guest(&self, email: &EmailAddress) -> Result<(), Refusal> {
        let Some(organisation) = self.identity.policy.organisation_of(email) else {
            return Err(wrong("The policy takes no guests: it has no `[guests]`."));
        };
        if !organisation.guests {
            return Err(wrong("The policy expects this address: it needs no invitation."));
        }
        if organisation.homeserver != *self.identity.host.server_name() {
            let server = &organisation.homeserver;
            return Err(wrong(format!("Guests sign up on {server}: invite them there.")));
        }
        let known = self.identity.store.person_by_email(email.as_str()).await?;
        if known.is_some_and(|person| !person.deactivated) {
            return Err(wrong("The address has an account already."));
        }
        Ok(())
    }

    pub(super) async fn list_invitations(&self, from: u64, limit: u64) -> Result<Value, Refusal> {
        let (store, now_ms) = (&self.identity.store, self.identity.host.now_ms());
        let limit = limit.clamp(1, ACCOUNTS_PER_PAGE_MAX);
        let (invitations, total) = store.guest_invitations(now_ms, from, limit).await?;
        let invitations: Vec<Value> = invitations.iter().map(render::invitation).collect();
        Ok(json!({ "total": total, "invitations": invitations }))
    }

    pub(super) async fn revoke_invitation(&self, email: &str) -> Result<Value, Refusal> {
        let email = address(email)?.to_string();
        self.administer(None, AdminAct::RevokeGuest(email.clone())).await?;
        Ok(json!({ "address": email }))
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Invitations of guests: whoever is of no organisation signs up with one, once.

use estafette_core::{email_address::EmailAddress, ids::UserId, limits::ACCOUNTS_PER_PAGE_MAX};
use estafette_store::{
    IdentityStore as _, PeopleStore as _,
    identity::{GuestInvitation, NewMail},
    people::AdminAct,
};
use serde_json::{Value, json};

use super::{super::render, Administration, Refusal, address, wrong};
use crate::{
    display_name::display_name,
    mail::letters::{self, Inviter},
    sign_up::SIGN_UP,
};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

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
        let query = serde_urlencoded::to_string([("login_hint", &email)]).unwrap_or_default();
        let link = format!("{}{}?{query}", self.identity.link_base(), SIGN_UP.start);
        let mail = match self.identity.offers_sign_up() {
            true => Some(self.letter(&email, sponsor.as_ref(), expires_ms, &link).await?),
            false => None,
        };
        let mailed = mail.is_some();
        let invitation = GuestInvitation { address: email, invited_by, expires_ms };
        let act = AdminAct::InviteGuest(invitation.clone(), mail);
        self.administer(sponsor.as_ref(), act).await?;
        if mailed {
            self.identity.mailer.wake();
        }
        let mut shown = render::invitation(&invitation);
        if let Some(members) = shown.as_object_mut() {
            members.insert("sign_up".into(), json!(link));
            members.insert("mailed".into(), json!(mailed));
        }
        Ok(shown)
    }

    /// The mail to a guest: all of it is ours, and the name of who invites is made of the address
    /// by the policy, whatever they call themselves.
    async fn letter(
        &self,
        email: &str,
        sponsor: Option<&UserId>,
        expires_ms: i64,
        link: &str,
    ) -> Result<NewMail, Refusal> {
        let identity = self.identity;
        let person = match sponsor {
            Some(sponsor) => identity.store.person(sponsor).await?,
            None => None,
        };
        let details = person.map(|person| person.details).unwrap_or_default();
        let address = details.email.as_deref().map(EmailAddress::parse).and_then(Result::ok);
        let organisation = address.as_ref().and_then(|of| identity.policy.organisation_of(of));
        let name = address.as_ref().zip(organisation).map(|(of, found)| display_name(of, found));
        let by = Inviter { name, organisation: organisation.map(|found| found.name.clone()) };
        let left_ms = expires_ms.saturating_sub(identity.host.now_ms()).max(0).cast_unsigned();
        let service = &identity.config.service_name;
        let letter = letters::guest_invitation(service, &by, left_ms.div_ceil(DAY_MS), link);
        Ok(identity.compose(email, letter, Some(expires_ms)))
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

// SPDX-License-Identifier: Apache-2.0
//! Passwords are chosen by their owners: an administrator makes a link that lets them.

use estafette_core::ids::UserId;
use estafette_store::{PeopleStore as _, identity::PasswordLink, people::AdminAct};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Administration, Refusal, wrong};

/// A link that is made, before it is kept. `None` where there are no pages to choose a password on.
pub(super) type NewLink = Option<(Zeroizing<String>, PasswordLink)>;

impl Administration<'_> {
    pub(super) async fn reset_password(&self, user: &str, mail: bool) -> Result<Value, Refusal> {
        let user_id = self.account(user).await?.user_id;
        let Some(link) = self.link_for(&user_id, mail).await? else {
            return Err(wrong(
                "There are no pages to choose a password on (identity.enabled): set one with POST \
                 /_synapse/admin/v1/reset_password/{userId}.",
            ));
        };
        self.act_with_link(&user_id, None, Some(link)).await
    }

    pub(super) async fn reactivate(&self, user: &str, mail: bool) -> Result<Value, Refusal> {
        let account = self.account(user).await?;
        if !account.deactivated {
            return Err(wrong("The account is not deactivated. Nothing was changed."));
        }
        if account.erased {
            return Err(wrong(
                "The account was erased, which cannot be undone. Whoever needs one gets a new \
                 account. Nothing was changed.",
            ));
        }
        let link = self.link_for(&account.user_id, mail).await?;
        self.act_with_link(&account.user_id, Some(AdminAct::Reactivate(None)), link).await
    }

    async fn link_for(&self, user_id: &UserId, mail: bool) -> Result<NewLink, Refusal> {
        let person = self.identity.store.person(user_id).await?;
        self.link(person.and_then(|person| person.details.email).as_deref(), mail)
    }

    /// A link by which the owner of an address chooses a password; with `mail` it is sent there.
    pub(super) fn link(&self, email: Option<&str>, mail: bool) -> Result<NewLink, Refusal> {
        if mail && !self.identity.mailer.works() {
            return Err(wrong("This server sends no mail (identity.mail): leave --mail out."));
        }
        if mail && email.is_none() {
            return Err(wrong("The account has no address to send the link to."));
        }
        let offered = self.identity.config.enabled;
        Ok(offered.then(|| self.identity.new_password_link(email.filter(|_| mail))))
    }

    /// Does `act` and keeps the link, together. A link that is mailed is not shown.
    pub(super) async fn act_with_link(
        &self,
        user_id: &UserId,
        act: Option<AdminAct>,
        link: NewLink,
    ) -> Result<Value, Refusal> {
        let (url, kept) = link.unzip();
        let (mailed, expires_ms) = match &kept {
            Some(kept) => (kept.mail.is_some(), Some(kept.expires_ms)),
            None => (false, None),
        };
        let acts: Vec<AdminAct> = act.into_iter().chain(kept.map(AdminAct::LinkPassword)).collect();
        self.administer_all(Some(user_id), acts).await?;
        let mut shown = self.show_user(user_id).await?;
        if let (Some(members), Some(url)) = (shown.as_object_mut(), url) {
            if mailed {
                self.identity.mailer.wake();
                members.insert("password_link_mailed".into(), json!(true));
            } else {
                members.insert("password_link".into(), json!(*url));
            }
            members.insert("password_link_expires_ms".into(), json!(expires_ms));
        }
        Ok(shown)
    }
}

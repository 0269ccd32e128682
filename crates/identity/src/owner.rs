// SPDX-License-Identifier: Apache-2.0
//! Whose account it is, as its owner knows it: ids say nothing to people.

use estafette_core::ids::UserId;
use estafette_store::{AccountStore as _, PeopleStore as _};
use maud::{Markup, html};

use crate::{Identity, pages::Trouble};

/// The owner of an account.
pub(crate) struct Owner {
    /// The account.
    pub(crate) user_id: UserId,
    /// The name that others see.
    pub(crate) name: Option<String>,
    /// The canonical e-mail address.
    pub(crate) email: Option<String>,
}

impl Owner {
    /// Looks it up.
    pub(crate) async fn of(identity: &Identity, user_id: &UserId) -> Result<Self, Trouble> {
        let fields = identity.store.profile(user_id).await?.unwrap_or_default();
        let name = fields.iter().find(|(name, _)| name == "displayname");
        let name = name.and_then(|(_, json)| serde_json::from_str(json).ok());
        let person = identity.store.person(user_id).await?;
        let email = person.and_then(|person| person.details.email);
        Ok(Self { user_id: user_id.clone(), name, email })
    }

    /// The name and the address, and beneath them the id.
    pub(crate) fn shown(&self) -> Markup {
        html! {
            p {
                @for text in [&self.name, &self.email].into_iter().flatten() {
                    strong { (text) } br;
                }
                small { (self.user_id) }
            }
        }
    }
}

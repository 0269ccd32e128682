// SPDX-License-Identifier: Apache-2.0
//! Identity as the running homeserver sees it.

use std::sync::Weak;

use async_trait::async_trait;
use estafette_homeserver::people::{AccountNews, People};
use estafette_identity::{Identity, News};

/// What the homeserver is lent. It holds nothing: identity ends with whoever runs both.
pub(crate) struct IdentityPeople(pub(crate) Weak<Identity>);

#[async_trait]
impl People for IdentityPeople {
    fn password_weakness(&self, password: &str, email: &str) -> Option<String> {
        self.0.upgrade()?.password_weakness(password, email)
    }

    async fn tell(&self, email: &str, news: AccountNews) {
        let Some(identity) = self.0.upgrade() else { return };
        let news = match news {
            AccountNews::PasswordChanged => News::PasswordChanged,
            AccountNews::Deactivated => News::Deactivated,
            AccountNews::AddressSet => News::AddressSet,
            AccountNews::NewDevice => News::NewDevice,
        };
        identity.tell(email, news).await;
    }
}

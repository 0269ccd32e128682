// SPDX-License-Identifier: Apache-2.0
//! Identity as the running homeserver sees it.

use std::sync::Weak;

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use estafette_homeserver::{
    ApiError, ApiResult,
    people::{AccountNews, People, RenewalMail},
};
use estafette_identity::{Identity, News, RenewalMail as Renewal};

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

    async fn tell_of_reuse(&self, user_id: &UserId, device_id: &DeviceId) {
        if let Some(identity) = self.0.upgrade() {
            identity.tell_of_reuse(user_id, device_id, None).await;
        }
    }

    async fn mail_renewal(&self, user_id: &UserId) -> ApiResult<RenewalMail> {
        let identity = self.0.upgrade().ok_or_else(ApiError::overloaded)?;
        Ok(match identity.mail_renewal(user_id).await? {
            Renewal::Queued => RenewalMail::Queued,
            Renewal::NothingToRenew => RenewalMail::NothingToRenew,
            Renewal::NoMail => RenewalMail::NoMail,
        })
    }

    fn next_expiry_ms(&self) -> Option<i64> {
        self.0.upgrade()?.next_expiry_ms()
    }

    fn borrowed_label(&self, name: &str, own: Option<&str>) -> Option<String> {
        let identity = self.0.upgrade()?;
        identity.policy.borrowed_label(name, own).map(|organisation| organisation.name.clone())
    }

    async fn may_prove(&self, user_id: &UserId) -> ApiResult<bool> {
        let identity = self.0.upgrade().ok_or_else(ApiError::overloaded)?;
        Ok(identity.may_prove(user_id).await?)
    }

    fn renewal_page(&self) -> Option<String> {
        self.0.upgrade()?.renewal_page()
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Placeholder until branch accounts lands.
use crate::{ApiError, Shared};
use estafette_core::ids::{DeviceId, UserId};
/// Who asks.
pub struct Requester {
    /// The user.
    pub user_id: UserId,
    /// The device.
    pub device: Option<RequesterDevice>,
    /// The application service.
    pub appservice: Option<()>,
}
/// A device.
pub struct RequesterDevice {
    /// Its id.
    pub device_id: DeviceId,
    /// Its number.
    pub nid: i64,
}
impl axum::extract::FromRequestParts<Shared> for Requester {
    type Rejection = ApiError;
    async fn from_request_parts(
        _: &mut http::request::Parts,
        _: &Shared,
    ) -> Result<Self, ApiError> {
        Err(ApiError::unknown_token())
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Who asks. Until accounts are there nobody is known, except in tests.

use axum::extract::FromRequestParts;
use estafette_core::ids::{DeviceId, UserId};
use http::{header, request::Parts};

use crate::{ApiError, Shared};

/// The device that asks.
#[derive(Debug, Clone)]
pub struct RequesterDevice {
    /// Its id.
    pub device_id: DeviceId,
    /// Its number in the store.
    pub nid: i64,
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Requester {
    /// The account.
    pub user_id: UserId,
    /// The device, unless an application service asks without one.
    pub device: Option<RequesterDevice>,
    /// The application service that asks in the account's name.
    pub appservice: Option<()>,
}

impl FromRequestParts<Shared> for Requester {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &Shared) -> Result<Self, ApiError> {
        let token = parts.headers.get(header::AUTHORIZATION).ok_or_else(ApiError::missing_token)?;
        let token = token.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
        let user_id = token.filter(|_| cfg!(test)).and_then(|user| UserId::parse(user).ok());
        Ok(Self {
            user_id: user_id.ok_or_else(ApiError::unknown_token)?,
            device: None,
            appservice: None,
        })
    }
}

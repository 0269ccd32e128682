// SPDX-License-Identifier: Apache-2.0
//! What stands after the `?`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use estafette_core::limits::OAUTH_FORM_BYTES_MAX;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::Trouble;
use crate::Identity;

/// Parameters in the address of a page: each at most once. Refused with a page, as everything that
/// people meet here.
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<Arc<Identity>> for Query<T> {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<Identity>) -> Result<Self, Trouble> {
        let query = parts.uri.query().unwrap_or_default();
        if query.len() > OAUTH_FORM_BYTES_MAX {
            return Err(Trouble::NotUnderstood);
        }
        serde_urlencoded::from_str(query).map(Self).map_err(|_| Trouble::NotUnderstood)
    }
}

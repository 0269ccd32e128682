// SPDX-License-Identifier: Apache-2.0
//! Forms that a browser posts.

use std::{sync::Arc, time::Duration};

use axum::extract::{FromRequest, FromRequestParts as _, Request};
use estafette_core::limits::{BODY_READ_TIMEOUT_S, FORM_BYTES_MAX};
use http_body_util::{BodyExt as _, Limited};
use serde::{Deserialize, de::DeserializeOwned};

use super::{Browser, Trouble, trouble::FilledIn};
use crate::Identity;

/// A form that this browser was shown by us: cross-site requests are refused before any handler.
pub(crate) struct Posted<T> {
    /// Who posts.
    pub(crate) browser: Browser,
    /// What was filled in.
    pub(crate) form: T,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    form_token: String,
}

impl<T: DeserializeOwned> FromRequest<Arc<Identity>> for Posted<T> {
    type Rejection = Trouble;

    async fn from_request(request: Request, identity: &Arc<Identity>) -> Result<Self, Trouble> {
        let (mut parts, body) = request.into_parts();
        let browser = Browser::from_request_parts(&mut parts, identity).await?;
        let body = Limited::new(body, FORM_BYTES_MAX).collect();
        let body = tokio::time::timeout(Duration::from_secs(BODY_READ_TIMEOUT_S), body);
        let Ok(Ok(body)) = body.await else { return Err(Trouble::NotUnderstood) };
        let body = body.to_bytes();
        let not_understood = |_| Trouble::NotUnderstood;
        let token: Token = serde_urlencoded::from_bytes(&body).map_err(not_understood)?;
        if !browser.accepts_form_token(&token.form_token) {
            if let Some(filled_in) = parts.extensions.get::<FilledIn>() {
                filled_in.remember_way(&body);
            }
            return Err(Trouble::FormTooOld);
        }
        if let Some(filled_in) = parts.extensions.get::<FilledIn>() {
            filled_in.remember(&body);
        }
        let form = serde_urlencoded::from_bytes(&body).map_err(not_understood)?;
        Ok(Self { browser, form })
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Parameters of an OAuth 2.0 request (RFC 6749, section 3): `application/x-www-form-urlencoded`,
//! each at most once, and one without a value is as good as none.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    sync::Arc,
    time::Duration,
};

use axum::extract::{FromRequest, Request};
use bytes::Bytes;
use estafette_core::limits::{BODY_READ_TIMEOUT_S, OAUTH_FORM_BYTES_MAX};
use http::{header, request::Parts};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

use super::answer::OauthError;
use crate::Identity;

/// What was sent.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads them from a query or a body.
    pub(crate) fn parse(encoded: &[u8]) -> Result<Self, OauthError> {
        let (params, twice) = Self::parse_all(encoded)?;
        if twice.is_empty() { Ok(params) } else { Err(OauthError::given_twice()) }
    }

    /// The first of each, and the names of those that are given twice.
    pub(crate) fn parse_all(encoded: &[u8]) -> Result<(Self, BTreeSet<String>), OauthError> {
        if encoded.len() > OAUTH_FORM_BYTES_MAX {
            return Err(OauthError::invalid_request("The request is too long."));
        }
        let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(encoded)
            .map_err(|_| OauthError::invalid_request("The request is not form-encoded."))?;
        let (mut params, mut twice) = (BTreeMap::new(), BTreeSet::new());
        for (name, value) in pairs {
            match params.entry(name) {
                Entry::Occupied(known) => {
                    twice.insert(known.key().clone());
                }
                Entry::Vacant(free) => {
                    free.insert(value);
                }
            }
        }
        Ok((Self(params), twice))
    }

    /// One of them.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// One that must be there.
    pub(crate) fn require(&self, name: &'static str) -> Result<&str, OauthError> {
        self.get(name).ok_or_else(|| OauthError::invalid_request(format!("`{name}` is missing.")))
    }
}

/// Parameters in the body of a `POST`, with the head of the request.
pub(crate) struct Form {
    /// The head.
    pub(crate) parts: Parts,
    /// The body.
    pub(crate) params: Params,
}

impl FromRequest<Arc<Identity>> for Form {
    type Rejection = OauthError;

    async fn from_request(request: Request, _: &Arc<Identity>) -> Result<Self, OauthError> {
        let (parts, body) = request.into_parts();
        // RFC 6749, sections 3.2 and 4.1.3. One that is not said is taken for it.
        let kind = parts.headers.get(header::CONTENT_TYPE).map(|kind| kind.as_bytes());
        let is_form = |kind: &[u8]| {
            let essence = kind.split(|byte| *byte == b';').next().unwrap_or_default();
            essence.trim_ascii().eq_ignore_ascii_case(b"application/x-www-form-urlencoded")
        };
        if !kind.is_none_or(is_form) {
            return Err(OauthError::invalid_request("The request is not form-encoded."));
        }
        let body = bounded(body, OAUTH_FORM_BYTES_MAX).await?;
        Ok(Self { parts, params: Params::parse(&body)? })
    }
}

/// A whole body of at most `bytes_max` bytes.
pub(crate) async fn bounded(body: axum::body::Body, bytes_max: usize) -> Result<Bytes, OauthError> {
    let body = Limited::new(body, bytes_max).collect();
    match tokio::time::timeout(Duration::from_secs(BODY_READ_TIMEOUT_S), body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(OauthError::invalid_request("The request is too long."))
        }
        Ok(Err(_)) => Err(OauthError::invalid_request("The request broke off.")),
        Err(_) => Err(OauthError::invalid_request("The request came too slowly.")),
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The client-server API: one file per section of the specification.

use axum::Router;

use crate::Shared;

/// Every route of the client-server API.
pub(crate) fn routes(_server: &Shared) -> Router<Shared> {
    Router::new()
}

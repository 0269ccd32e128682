// SPDX-License-Identifier: Apache-2.0
//! The client-server API: one file per section of the specification.

pub(crate) mod account_data;
pub(crate) mod filter;
mod media;
pub(crate) mod push_rules;
mod pushers;
pub mod sync;

use axum::Router;

use crate::Shared;

/// Every route of the client-server API.
pub(crate) fn routes(_server: &Shared) -> Router<Shared> {
    Router::new()
        .merge(account_data::routes())
        .merge(filter::routes())
        .merge(media::routes())
        .merge(push_rules::routes())
        .merge(pushers::routes())
}

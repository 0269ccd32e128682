// SPDX-License-Identifier: Apache-2.0
//! The client-server API: one file per section of the specification.

pub(crate) mod account_data;
mod content;
mod create_room;
mod dehydrated_device;
mod filter;
mod keys;
mod media;
mod membership;
pub(crate) mod push_rules;
mod pushers;
mod room_access;
mod room_error;
mod room_keys;
mod send;
mod state;
pub mod sync;
mod to_device;

use axum::{Router, routing::MethodRouter};

use crate::Shared;

/// Every route of the client-server API.
pub(crate) fn routes(_server: &Shared) -> Router<Shared> {
    Router::new()
        .merge(account_data::routes())
        .merge(filter::routes())
        .merge(media::routes())
        .merge(push_rules::routes())
        .merge(pushers::routes())
        .merge(sync::routes())
        .merge(create_room::routes())
        .merge(membership::routes())
        .merge(send::routes())
        .merge(state::routes())
        .merge(keys::routes())
        .merge(to_device::routes())
        .merge(room_keys::routes())
        .merge(dehydrated_device::routes())
}

/// Adds an endpoint that older clients still ask for under `r0`, the name of `v3` before it.
fn v3(router: Router<Shared>, path: &str, methods: MethodRouter<Shared>) -> Router<Shared> {
    router
        .route(&format!("/_matrix/client/v3{path}"), methods.clone())
        .route(&format!("/_matrix/client/r0{path}"), methods)
}

// SPDX-License-Identifier: Apache-2.0
//! The client-server API: one file per section of the specification.

pub(crate) mod account;
pub(crate) mod account_data;
mod account_validity;
pub(crate) mod admin;
mod appservice;
mod calls;
mod capabilities;
pub(crate) mod content;
pub(crate) mod create_room;
mod dehydrated_device;
pub(crate) mod delayed_events;
mod devices;
mod directory;
mod fallback;
mod filter;
mod hierarchy;
mod keys;
pub(crate) mod login;
mod media;
mod members;
mod membership;
mod messages;
mod mutual_rooms;
mod notifications;
mod old_sync;
mod openid;
mod page;
mod presence;
pub(crate) mod profile;
pub(crate) mod push_rules;
mod pushers;
mod receipts;
pub(crate) mod register;
mod relations;
mod report;
mod room_access;
mod room_error;
mod room_keys;
mod room_summary;
mod search;
pub(crate) mod send;
mod session;
pub mod sliding_sync;
mod state;
pub mod sync;
mod third_party;
mod third_party_invite;
mod to_device;
mod typing;
mod upgrade;
mod user_directory;
mod versions;
mod well_known;

use axum::{Router, routing::MethodRouter};

pub(crate) use self::membership::{check_may_be_invited, member_profile};
use crate::Shared;

/// Every route of the client-server API.
pub(crate) fn routes(_server: &Shared) -> Router<Shared> {
    Router::new()
        .merge(versions::routes())
        .merge(well_known::routes())
        .merge(capabilities::routes())
        .merge(register::routes())
        .merge(login::routes())
        .merge(session::routes())
        .merge(devices::routes())
        .merge(account::routes())
        .merge(account_validity::routes())
        .merge(profile::routes())
        .merge(user_directory::routes())
        .merge(admin::routes())
        .merge(openid::routes())
        .merge(account_data::routes())
        .merge(filter::routes())
        .merge(media::routes())
        .merge(push_rules::routes())
        .merge(pushers::routes())
        .merge(notifications::routes())
        .merge(sliding_sync::routes())
        .merge(sync::routes())
        .merge(create_room::routes())
        .merge(members::routes())
        .merge(membership::routes())
        .merge(messages::routes())
        .merge(receipts::routes())
        .merge(relations::routes())
        .merge(send::routes())
        .merge(state::routes())
        .merge(keys::routes())
        .merge(to_device::routes())
        .merge(typing::routes())
        .merge(directory::routes())
        .merge(report::routes())
        .merge(room_summary::routes())
        .merge(upgrade::routes())
        .merge(hierarchy::routes())
        .merge(search::routes())
        .merge(presence::routes())
        .merge(room_keys::routes())
        .merge(dehydrated_device::routes())
        .merge(appservice::routes())
        .merge(calls::routes())
        .merge(delayed_events::routes())
        .merge(mutual_rooms::routes())
        .merge(old_sync::routes())
        .merge(third_party::routes())
        .merge(third_party_invite::routes())
        .merge(fallback::routes())
}

/// Adds an endpoint that older clients still ask for under `r0`, the name of `v3` before it.
fn v3(router: Router<Shared>, path: &str, methods: MethodRouter<Shared>) -> Router<Shared> {
    router
        .route(&format!("/_matrix/client/v3{path}"), methods.clone())
        .route(&format!("/_matrix/client/r0{path}"), methods)
}

// SPDX-License-Identifier: Apache-2.0
//! THE SHELL: HTTP, timers, sockets and workers around the rules of `estafette-core`.
//!
//! It has no rule of its own. A message takes one straight line through it:
//! `http → auth → client/send → room_worker → core::room::decide → store → 200 → notify → sync`.
//! See `docs/ARCHITECTURE.md` for the walk.

pub mod account_changes;
mod account_log;
pub mod address_book;
pub mod administration;
pub mod appservice;
pub mod auth;
pub mod client;
pub mod clock;
pub mod config;
pub mod delayed_events;
pub mod error;
pub mod guesses;
mod guests;
pub mod history;
pub mod http;
pub mod key_file;
pub mod media;
mod notification;
pub mod notify;
pub mod outbound;
pub mod people;
pub mod presence;
pub mod push;
pub mod rate_limit;
pub mod render;
pub mod room_worker;
pub mod rooms;
pub mod search_budget;
mod server;
mod server_notices;
mod synapse_admin;
pub mod sync;
pub mod third_party_invites;
pub mod typing;
pub mod web;

#[cfg(test)]
mod testing;

pub use error::{ApiError, ApiResult};
pub use server::{Server, Shared, StartError};

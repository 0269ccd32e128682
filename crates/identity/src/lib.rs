// SPDX-License-Identifier: Apache-2.0
//! WHO SOMEBODY IS: from an e-mail address or another provider's word to an account, a session and
//! a place in the directory.
//!
//! Accounts, devices and tokens are kept by `estafette-store` and looked up there by the
//! homeserver; this crate decides who may have one. What it needs of the running server (the time,
//! chance, password hashing, requests to others) is lent to it as a [`Host`], so that it knows
//! nothing of the homeserver and can be tested without one.

mod account_pages;
pub mod admin;
pub mod config;
pub mod host;
mod oauth;
mod pages;
mod rendezvous;
mod sign_in;
#[cfg(test)]
mod testing;
pub mod upstream;

use std::sync::Arc;

use axum::Router;
use estafette_store::sqlite::SqliteStore;

pub use self::{
    config::IdentityConfig,
    host::{Host, HostError},
};
use self::{rendezvous::Rendezvous, upstream::Upstream};

/// Everything that a handler of this crate may need.
pub struct Identity {
    /// What the operator decided.
    pub config: IdentityConfig,
    /// The memory.
    pub store: SqliteStore,
    /// The running server.
    pub host: Arc<dyn Host>,
    /// Where devices meet.
    rendezvous: Rendezvous,
    /// Sign-ins at other providers.
    upstream: Upstream,
}

impl Identity {
    /// Puts together what was handed in.
    pub fn open(config: IdentityConfig, store: SqliteStore, host: Arc<dyn Host>) -> Arc<Self> {
        Arc::new(Self {
            config,
            store,
            host,
            rendezvous: Rendezvous::default(),
            upstream: Upstream::default(),
        })
    }

    /// Every page and endpoint of this crate, to be merged with the server's own.
    pub fn routes(self: &Arc<Self>) -> Router {
        pages::routes(self).merge(
            oauth::routes()
                .merge(rendezvous::routes())
                .merge(upstream::routes())
                .with_state(Arc::clone(self)),
        )
    }
}

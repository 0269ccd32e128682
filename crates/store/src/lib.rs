// SPDX-License-Identifier: Apache-2.0
//! THE MEMORY: everything the homeserver must not forget, behind domain-level promises.
//!
//! This is the only crate that knows SQL. Each aggregate (accounts, keys, rooms, …) is one trait
//! with one file per engine; [`Store`] is their sum. Callers speak in acts of the domain
//! ("claim a one-time key", "commit this room update"), never in rows.
//!
//! Promises that every engine keeps, proven by the contract suite in `contract`:
//!
//! - **Durable before `Ok`** (I1): a writing call returns `Ok` only after its transaction is on
//!   disk. An `Err` means that nothing of the call was kept.
//! - **One position** (I5): every durable fact is numbered in one commit-ordered log. Whoever has
//!   seen position *p* has seen everything below it. Positions are never reused.
//! - **Published in order**: the [`CommitSink`] hears of facts after they are durable, in
//!   position order, before the writing call returns.
//! - **All or nothing**: each writing call is atomic, whatever else shares its commit group.

pub mod account_data;
pub mod accounts;
pub mod dehydrated_device;
pub mod delayed_events;
pub mod error;
pub mod fact;
pub mod identity;
pub mod key_backup;
pub mod keys;
pub mod media;
pub mod oauth;
pub mod people;
pub mod push;
pub mod reports;
pub mod rooms;
pub mod sqlite;
pub mod third_party_invites;
pub mod to_device;
pub mod upstream;

pub use account_data::AccountDataStore;
pub use accounts::AccountStore;
pub use dehydrated_device::DehydratedDeviceStore;
pub use delayed_events::DelayedEventStore;
pub use error::StoreError;
pub use fact::{CommitSink, Fact, FactKind, Position};
pub use identity::IdentityStore;
pub use key_backup::KeyBackupStore;
pub use keys::KeyStore;
pub use media::MediaStore;
pub use oauth::OauthStore;
pub use people::PeopleStore;
pub use push::PushStore;
pub use reports::ReportStore;
pub use rooms::RoomStore;
pub use third_party_invites::ThirdPartyInviteStore;
pub use to_device::ToDeviceStore;
pub use upstream::UpstreamStore;

/// The result of every call on a store.
pub type StoreResult<T> = Result<T, StoreError>;

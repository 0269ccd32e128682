// SPDX-License-Identifier: Apache-2.0
//! THE RULES of a Matrix homeserver, pure: no I/O, no async, no clock, no chance, no logging.
//!
//! Bad input never panics, never allocates beyond [`limits`], and is told which rule it broke.

pub mod acl;
pub mod auth;
pub mod dag;
pub mod device_keys;
pub mod devices;
pub mod directory;
pub mod email_address;
pub mod event;
pub mod filter;
pub mod glob;
pub mod guesses;
pub mod guests;
pub mod ids;
pub mod json;
pub mod limits;
pub mod name_label;
pub mod push_rules;
pub mod redact;
pub mod relations;
pub mod retry;
pub mod room;
pub mod sign;
pub mod state;
pub mod third_party_invite;
pub mod transaction;
pub mod version;
pub mod visibility;

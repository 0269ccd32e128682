// SPDX-License-Identifier: Apache-2.0
//! The pure rules of a Matrix homeserver.

pub mod acl;
pub mod dag;
pub mod glob;
pub mod push_rules;
pub mod relations;
pub mod retry;
pub mod state;
pub mod visibility;

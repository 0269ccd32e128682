// SPDX-License-Identifier: Apache-2.0
//! THE RULES of a Matrix homeserver, pure: no I/O, no async, no clock, no chance, no logging.
//!
//! Bad input never panics, never allocates beyond [`limits`], and is told which rule it broke.

pub mod ids;
pub mod limits;

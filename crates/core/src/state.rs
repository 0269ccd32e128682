// SPDX-License-Identifier: Apache-2.0
//! Room state: maps of state, and the resolution of several into one.

pub mod map;

pub use map::StateMap;

// SPDX-License-Identifier: Apache-2.0
//! Room state: maps of state, and the resolution of several into one.

pub mod graph;
pub mod map;
pub mod resolver;
pub mod v1;
pub mod v2;

pub use map::StateMap;
pub use resolver::{NotLoaded, Resolver};

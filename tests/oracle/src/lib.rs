// SPDX-License-Identifier: Apache-2.0
//! State resolution and push rules beside other implementations of the same text.
//!
//! [`rooms`] makes rooms by chance, from a seed; [`ruma`] and [`synapse`] are the oracles.
//! A workspace of its own, because the oracles bring many dependencies that nothing else needs.

pub mod chance;
pub mod large;
pub mod ours;
pub mod rooms;
pub mod ruma;
pub mod synapse;

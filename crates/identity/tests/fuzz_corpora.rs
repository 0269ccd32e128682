// SPDX-License-Identifier: Apache-2.0
//! The corpus of the fuzz target `policy` as an ordinary test: a hostile file must never place
//! somebody where it does not say, nor stop the server.

#[cfg(test)]
#[path = "../../../fuzz/src/policy.rs"]
mod policy;
#[cfg(test)]
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

#[test]
fn policy() {
    replay::replay("policy", policy::policy);
}

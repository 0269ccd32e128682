// SPDX-License-Identifier: Apache-2.0
//! Placeholder of the first commit.
fn main() {}

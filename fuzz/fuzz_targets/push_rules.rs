// SPDX-License-Identifier: Apache-2.0
//! Target 9: push rules and globs out of arbitrary text, against the definition and the clock.
#![no_main]

#[path = "../../crates/core/tests/hostile_rules/mod.rs"]
mod hostile_rules;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| hostile_rules::check(bytes));

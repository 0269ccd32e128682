// SPDX-License-Identifier: Apache-2.0
//! Target 4: a room grown out of arbitrary bytes keeps the laws of resolution.
#![no_main]

#[allow(dead_code)]
#[path = "../../crates/core/tests/rooms/mod.rs"]
mod rooms;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| rooms::from_bytes(bytes));

// SPDX-License-Identifier: Apache-2.0
//! See `policy::policy`.

#![no_main]

#[path = "../src/policy.rs"]
mod policy;

libfuzzer_sys::fuzz_target!(|data: &[u8]| policy::policy(data));

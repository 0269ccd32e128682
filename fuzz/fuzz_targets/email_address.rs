// SPDX-License-Identifier: Apache-2.0
//! See `estafette_fuzz::email_address`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| estafette_fuzz::email_address(data));

// SPDX-License-Identifier: Apache-2.0
//! See `estafette_fuzz::transaction`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| estafette_fuzz::transaction(data));

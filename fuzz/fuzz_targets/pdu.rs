// SPDX-License-Identifier: Apache-2.0
//! See `estafette_fuzz::pdu`.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| estafette_fuzz::pdu(data));

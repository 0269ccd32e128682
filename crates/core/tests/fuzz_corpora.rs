// SPDX-License-Identifier: Apache-2.0
//! The corpora of the fuzz targets as ordinary tests: hostile bytes that were once thought of must
//! never become dangerous again.

#[path = "../../../fuzz/src/lib.rs"]
#[expect(unreachable_pub, reason = "it is also the library of the fuzz crate")]
mod targets;

#[cfg(test)]
#[path = "../../../fuzz/src/replay.rs"]
mod replay;

use replay::replay;

#[test]
fn canonical_json() {
    replay("canonical_json", targets::canonical_json);
}

#[test]
fn pdu() {
    replay("pdu", targets::pdu);
}

#[test]
fn transaction() {
    replay("transaction", targets::transaction);
}

#[test]
fn event_authorisation() {
    replay("event_authorisation", targets::event_authorisation);
}

#[test]
fn email_address() {
    replay("email_address", targets::email_address);
}

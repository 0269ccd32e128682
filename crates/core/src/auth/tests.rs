// SPDX-License-Identifier: Apache-2.0
//! Without these a rule could say yes where the specification says no.

use super::*;

#[test]
fn every_refusal_explains_itself_in_a_sentence() {
    for error in [AuthError::JoinRule, AuthError::PowerLevel, AuthError::SenderNotJoined] {
        assert!(error.to_string().len() > 15);
    }
}

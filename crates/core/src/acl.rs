// SPDX-License-Identifier: Apache-2.0
//! Server access control lists: which servers may take part in a room (`m.room.server_acl`).
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl>.

use crate::glob::{FoldedText, Glob};

#[cfg(test)]
mod tests;

/// The access control list of one room, prepared for many questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerAcl {
    allow: Vec<Glob>,
    deny: Vec<Glob>,
    allow_ip_literals: bool,
}

impl ServerAcl {
    /// Reads the content of an `m.room.server_acl` event.
    ///
    /// Entries that are not strings are ignored, a list that is not a list is empty, and
    /// `allow_ip_literals` is `true` unless it is the boolean `false`: a malformed list must not
    /// open what a well-formed one would close, and an absent `allow` closes the room.
    pub fn new<'a>(
        allow: impl IntoIterator<Item = &'a str>,
        deny: impl IntoIterator<Item = &'a str>,
        allow_ip_literals: bool,
    ) -> Self {
        Self {
            allow: allow.into_iter().map(Glob::new).collect(),
            deny: deny.into_iter().map(Glob::new).collect(),
            allow_ip_literals,
        }
    }

    /// Whether the list lets `server_name` take part. The port is not considered.
    #[must_use]
    pub fn allows(&self, server_name: &str) -> bool {
        let host = host_of(server_name);
        if !self.allow_ip_literals && is_ip_literal(host) {
            return false;
        }
        let host = FoldedText::new(host);
        !self.deny.iter().any(|glob| glob.matches(&host))
            && self.allow.iter().any(|glob| glob.matches(&host))
    }
}

/// The server name without its port. The brackets of an IPv6 literal stay.
fn host_of(server_name: &str) -> &str {
    let after_bracket = server_name.rfind(']').map_or(0, |at| at + 1);
    match server_name.rfind(':') {
        Some(colon) if colon >= after_bracket => server_name.get(..colon).unwrap_or(server_name),
        _ => server_name,
    }
}

fn is_ip_literal(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

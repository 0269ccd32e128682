// SPDX-License-Identifier: Apache-2.0
//! Server access control lists: which servers may take part in a room (`m.room.server_acl`).
//!
//! Source: <https://spec.matrix.org/v1.19/client-server-api/#mroomserver_acl>.

use crate::{
    glob::{FoldedText, Glob},
    ids::ServerName,
    json::{Object, Value},
};

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
    #[must_use]
    pub fn new(content: &Object) -> Self {
        let globs = |name| {
            let entries = content.get(name).and_then(Value::as_array).unwrap_or_default();
            entries.iter().filter_map(Value::as_str).map(Glob::new).collect()
        };
        let allow_ip_literals =
            content.get("allow_ip_literals").and_then(Value::as_bool).unwrap_or(true);
        Self { allow: globs("allow"), deny: globs("deny"), allow_ip_literals }
    }

    /// Whether the list lets `server_name` take part. The port is not considered.
    #[must_use]
    pub fn allows(&self, server_name: &ServerName) -> bool {
        let host = server_name.host();
        if !self.allow_ip_literals && is_ip_literal(host) {
            return false;
        }
        let host = FoldedText::new(host);
        !self.deny.iter().any(|glob| glob.matches(&host))
            && self.allow.iter().any(|glob| glob.matches(&host))
    }
}

fn is_ip_literal(host: &str) -> bool {
    host.starts_with('[') || host.parse::<std::net::Ipv4Addr>().is_ok()
}

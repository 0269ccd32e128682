// SPDX-License-Identifier: Apache-2.0
//! What the fuzz target `policy` demands beyond not to crash. The same function runs on its corpus
//! as an ordinary test (`crates/identity/tests/fuzz_corpora.rs`).

use estafette_core::{email_address::EmailAddress, ids::ServerName};
use estafette_identity::{Policy, display_name};

/// Stands between the policy file and the addresses that are placed by it, one a line.
const BETWEEN: &str = "\n---\n";
const ADDRESSES_MAX: usize = 64;

/// A policy file and addresses: who is placed where equals a second reading, naive on purpose, and
/// nobody's name says that they are of another organisation than the policy's.
pub(crate) fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (file, addresses) = text.split_once(BETWEEN).unwrap_or((text, ""));
    let here = ServerName::parse("here.fr").unwrap();
    let Ok(policy) = Policy::parse(file, &here) else { return };
    let table: toml::Table = toml::from_str(file).unwrap();
    let rules = Rules::of(&table);
    for typed in addresses.lines().take(ADDRESSES_MAX) {
        let Ok(address) = EmailAddress::parse(typed) else { continue };
        let placed = policy.organisation_of(&address);
        let id = placed.map(|organisation| organisation.id.clone());
        assert_eq!(id, rules.place(typed), "{typed}");
        if let Some(organisation) = placed {
            let name = display_name(&address, organisation);
            assert!(name.ends_with(&format!(" [{}]", organisation.label)), "{name}");
            assert_eq!(name.matches(['[', ']']).count(), 2, "{name}");
        }
    }
}

/// Every rule of a file with its organisation, as they are written.
struct Rules {
    addresses: Vec<(String, String)>,
    domains: Vec<(String, String)>,
    guests: bool,
}

impl Rules {
    fn of(file: &toml::Table) -> Self {
        let mut rules = Self { addresses: vec![], domains: vec![], guests: false };
        rules.guests = file.contains_key("guests");
        let organisations = file.get("organisations").and_then(toml::Value::as_table);
        for (id, entries) in organisations.into_iter().flatten() {
            for (key, list) in
                [("addresses", &mut rules.addresses), ("domains", &mut rules.domains)]
            {
                let written = entries.get(key).and_then(toml::Value::as_array);
                for rule in written.into_iter().flatten() {
                    let rule = rule.as_str().unwrap().to_ascii_lowercase();
                    list.push((id.clone(), rule));
                }
            }
        }
        rules
    }

    /// Tries every rule, the most precise kind first, and the longest of a kind.
    fn place(&self, typed: &str) -> Option<String> {
        let typed = typed.to_ascii_lowercase();
        let domain = typed.rsplit('@').next().unwrap();
        let whole = self.addresses.iter().find(|(_, rule)| *rule == typed);
        let exact = self.domains.iter().find(|(_, rule)| rule == domain);
        let above = self
            .domains
            .iter()
            .filter(|(_, rule)| rule.strip_prefix('*').is_some_and(|end| domain.ends_with(end)))
            .max_by_key(|(_, rule)| rule.len());
        let found = whole.or(exact).or(above).map(|(id, _)| id.clone());
        found.or_else(|| self.guests.then(|| "guests".to_owned()))
    }
}

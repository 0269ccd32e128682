// SPDX-License-Identifier: Apache-2.0
//! The policy file: its shape, and what cannot be meant.

use std::{
    collections::{BTreeMap, HashMap, hash_map::Entry},
    sync::Arc,
};

use estafette_core::{
    directory::disguises,
    email_address::{EmailAddress, check_domain},
    ids::ServerName,
    limits::{ORGANISATION_ID_BYTES_MAX, ORGANISATION_NAME_BYTES_MAX},
    name_label::compared,
};
use serde::Deserialize;

use super::{GUESTS, Organisation, Policy};
use crate::oauth::redirect::WebUri;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyFile {
    #[serde(default)]
    organisations: BTreeMap<String, Entries>,
    guests: Option<Entries>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entries {
    name: String,
    label: Option<String>,
    homeserver: Option<String>,
    url: Option<String>,
    #[serde(default)]
    domains: Vec<String>,
    #[serde(default)]
    addresses: Vec<String>,
}

impl PolicyFile {
    pub(super) fn into_policy(self, here: &ServerName) -> Result<Policy, String> {
        if self.organisations.is_empty() && self.guests.is_none() {
            return Err("it names no organisation and no guests, so it would expect nobody".into());
        }
        let mut policy = Policy::default();
        for (id, entries) in &self.organisations {
            if id == GUESTS || !is_id(id) {
                return Err(format!("organisations.{id}: an organisation cannot have this id"));
            }
            let organisation = Arc::new(entries.organisation(id, here, false)?);
            policy.know(&organisation)?;
            policy.organisations.insert(id.clone(), Arc::clone(&organisation));
            for domain in &entries.domains {
                policy.add_domain(domain, &organisation)?;
            }
            for address in &entries.addresses {
                let parsed = EmailAddress::parse(address).map_err(|error| {
                    format!("organisations.{id}: `{address}`: {}", in_ascii(address, error))
                })?;
                add(&mut policy.addresses, parsed, address, &organisation)?;
            }
        }
        if let Some(guests) = &self.guests {
            if !guests.domains.is_empty() || !guests.addresses.is_empty() {
                return Err("guests: they are everybody else, so they have no rules".into());
            }
            let guests = Arc::new(guests.organisation(GUESTS, here, true)?);
            policy.know(&guests)?;
            policy.guests = Some(guests);
        }
        Ok(policy)
    }
}

impl Entries {
    fn organisation(
        &self,
        id: &str,
        here: &ServerName,
        guests: bool,
    ) -> Result<Organisation, String> {
        let label = self.label.as_ref().unwrap_or(&self.name).trim();
        let name = self.name.trim();
        for (what, text) in [("name", name), ("label", label)] {
            // The brackets are what tells people that the label is not part of the name.
            let printable = !text.chars().any(|c| disguises(c) || c == '[' || c == ']');
            if compared(text).is_empty() || text.len() > ORGANISATION_NAME_BYTES_MAX || !printable {
                return Err(format!("{id}.{what}: empty, too long, or with a character too many"));
            }
        }
        let homeserver = match &self.homeserver {
            None => here.clone(),
            Some(given) => ServerName::parse(given)
                .map_err(|error| format!("{id}.homeserver: `{given}`: {error}"))?,
        };
        if let Some(url) = &self.url
            && WebUri::parse(url).is_none()
        {
            return Err(format!("{id}.url: `{url}` is no web address"));
        }
        let url = self.url.as_ref().map(|url| url.trim_end_matches('/').to_owned());
        let (id, name, label) = (id.to_owned(), name.to_owned(), label.to_owned());
        Ok(Organisation { id, name, label, homeserver, url, guests })
    }
}

impl Policy {
    /// Labels are how people tell the organisations of a server apart. One ministry may have
    /// several servers.
    fn know(&mut self, organisation: &Arc<Organisation>) -> Result<(), String> {
        let name = compared(&organisation.name);
        self.names.entry(name).or_insert_with(|| Arc::clone(organisation));
        let bearers = self.labels.entry(compared(&organisation.label)).or_default();
        if let Some(known) =
            bearers.iter().find(|known| known.homeserver == organisation.homeserver)
        {
            let (id, label) = (&organisation.id, &organisation.label);
            return Err(format!("{id}.label: `{label}` is also {}'s label", known.id));
        }
        bearers.push(Arc::clone(organisation));
        Ok(())
    }

    /// `x.fr` is that domain; `*.x.fr` are all below it.
    fn add_domain(&mut self, rule: &str, to: &Arc<Organisation>) -> Result<(), String> {
        let (domain, map) = match rule.strip_prefix("*.") {
            Some(domain) => (domain, &mut self.above),
            None => (rule, &mut self.domains),
        };
        check_domain(domain)
            .map_err(|error| format!("{}: `{rule}`: {}", to.id, in_ascii(domain, error)))?;
        add(map, domain.to_ascii_lowercase(), rule, to)
    }
}

fn add<K: Eq + std::hash::Hash>(
    map: &mut HashMap<K, Arc<Organisation>>,
    key: K,
    rule: &str,
    to: &Arc<Organisation>,
) -> Result<(), String> {
    match map.entry(key) {
        Entry::Vacant(place) => {
            place.insert(Arc::clone(to));
            Ok(())
        }
        Entry::Occupied(taken) => {
            Err(format!("`{rule}` is in {} and in {}", taken.get().id, to.id))
        }
    }
}

/// Why a rule is not understood: mail and rules have domains with accents in another form.
fn in_ascii(domain: &str, error: impl std::fmt::Display) -> String {
    if domain.is_ascii() {
        return error.to_string();
    }
    "write it in its ASCII form (`xn--…`)".to_owned()
}

fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !id.is_empty() && id.len() <= ORGANISATION_ID_BYTES_MAX && id.bytes().all(allowed)
}

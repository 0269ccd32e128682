// SPDX-License-Identifier: Apache-2.0
//! Organisations: which of them an address belongs to, and where its people live.
//!
//! A rule names a whole address or a whole domain, never a piece of text: substrings and patterns
//! on addresses have let strangers in elsewhere. The most precise rule counts (a whole address, an
//! exact domain, the longest domain above), so the order of the file means nothing, and two rules
//! for the same thing are refused when the file is read.
//!
//! ```toml
//! [organisations.interieur]
//! name = "Ministère de l'Intérieur"
//! label = "Intérieur"                     # in display names: Jane Smith [Intérieur]
//! homeserver = "agent.interieur.example"  # the server name; without it, this server
//! url = "https://chat.interieur.example"  # where its people sign up; without it, nothing is shown
//! domains = ["interieur.example.fr", "*.interieur.example.fr"]
//! addresses = ["prefet@exemple.fr"]
//!
//! [guests]                                # without it, everybody else is refused
//! name = "Invités"
//! label = "Externe"
//! homeserver = "agent.externe.example"
//! ```

mod administrators;
mod apply;
mod check;
mod file;
mod lookup;

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use estafette_core::{
    email_address::EmailAddress, ids::ServerName, limits::POLICY_FILE_BYTES_MAX, name_label::labels,
};

use self::file::PolicyFile;
pub(crate) use self::lookup::routes;
pub use self::{
    administrators::LosingAdministrators,
    apply::Applied,
    check::{Move, Moves, check},
};
pub(crate) use self::{
    apply::Apply,
    check::{placement, shown_name},
};

/// The id of the organisation that guests are of. No other may have it.
pub const GUESTS: &str = "guests";

/// An organisation, and where its people live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organisation {
    /// Its id in the policy file; never shown.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// What stands in display names.
    pub label: String,
    /// The server on which its people live.
    pub homeserver: ServerName,
    /// Where they sign up.
    pub url: Option<String>,
    /// Whether its people are guests: they need an invitation.
    pub guests: bool,
}

/// Which organisation an address belongs to.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Those of the file, also without any rule: administrators may put people into them.
    organisations: BTreeMap<String, Arc<Organisation>>,
    addresses: HashMap<EmailAddress, Arc<Organisation>>,
    domains: HashMap<String, Arc<Organisation>>,
    /// Domains whose sub-domains are meant, themselves not included.
    above: HashMap<String, Arc<Organisation>>,
    guests: Option<Arc<Organisation>>,
    /// Whose a label is, as it is [compared](estafette_core::name_label::compared).
    labels: HashMap<String, Vec<Arc<Organisation>>>,
    /// The same of names. Two organisations may have one name; the first counts.
    names: HashMap<String, Arc<Organisation>>,
    /// Where everybody belongs without a file.
    open: Option<Arc<Organisation>>,
}

/// Why a policy cannot be used. The sentence names the place.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read.
    #[error("{0}: {1}")]
    Read(String, std::io::Error),
    /// Not TOML, or not of the right shape.
    #[error("{0}: {1}")]
    Shape(String, Box<toml::de::Error>),
    /// A rule that cannot be meant.
    #[error("{0}: {1}")]
    Rule(String, String),
}

impl Policy {
    /// Reads and checks a policy file. `here` is this server's name.
    pub fn read(path: &std::path::Path, here: &ServerName) -> Result<Self, PolicyError> {
        use std::io::Read as _;
        let name = path.display().to_string();
        let io = |error| PolicyError::Read(name.clone(), error);
        let mut text = String::new();
        let mut file = std::fs::File::open(path).map_err(io)?.take(POLICY_FILE_BYTES_MAX + 1);
        let bytes = file.read_to_string(&mut text).map_err(io)?;
        if bytes as u64 > POLICY_FILE_BYTES_MAX {
            let why = format!("the file is larger than {POLICY_FILE_BYTES_MAX} bytes");
            return Err(PolicyError::Rule(name, why));
        }
        Self::parse(&text, here).map_err(|error| match error {
            PolicyError::Shape(_, error) => PolicyError::Shape(name, error),
            PolicyError::Rule(_, why) => PolicyError::Rule(name, why),
            error @ PolicyError::Read(..) => error,
        })
    }

    /// The same from a text.
    pub fn parse(text: &str, here: &ServerName) -> Result<Self, PolicyError> {
        let what = || "the policy".to_owned();
        let file: PolicyFile =
            toml::from_str(text).map_err(|error| PolicyError::Shape(what(), Box::new(error)))?;
        file.into_policy(here).map_err(|why| PolicyError::Rule(what(), why))
    }

    /// The policy without a file: everybody belongs here, under the name of their own domain.
    pub fn open(here: &ServerName) -> Self {
        let organisation = Organisation {
            id: String::new(),
            name: String::new(),
            label: String::new(),
            homeserver: here.clone(),
            url: None,
            guests: false,
        };
        Self { open: Some(Arc::new(organisation)), ..Self::default() }
    }

    /// Which organisation an address belongs to. `None`: nobody is expected from there.
    pub fn organisation_of(&self, address: &EmailAddress) -> Option<&Arc<Organisation>> {
        let domain = address.domain();
        self.addresses
            .get(address)
            .or_else(|| self.domains.get(domain))
            .or_else(|| parents(domain).find_map(|parent| self.above.get(parent)))
            .or(self.guests.as_ref())
            .or(self.open.as_ref())
    }

    /// Whether an address is one of the many that a mailbox has by `+` and anything more (RFC
    /// 5233): one mailbox makes one account, so those are nobody's. Guests have the address that
    /// somebody invited, and an address that the policy names is meant as it stands there.
    pub fn is_detailed(&self, address: &EmailAddress) -> bool {
        let guests = self.organisation_of(address).is_some_and(|found| found.guests);
        address.local_part().contains('+') && !guests && !self.addresses.contains_key(address)
    }

    /// Whether it says nothing about anybody.
    pub(crate) fn is_empty(&self) -> bool {
        self.organisations.is_empty() && self.guests.is_none() && self.open.is_none()
    }

    /// Every organisation by its id, guests included.
    pub fn organisations(&self) -> BTreeMap<&str, &Organisation> {
        let all = self.organisations.values().chain(&self.guests);
        all.map(|found| (found.id.as_str(), &**found)).collect()
    }

    /// The organisation whose label a name bears, where that is not the one with the id `own`: the
    /// name would say of somebody that they are where they are not (B3).
    pub fn borrowed_label(&self, name: &str, own: Option<&str>) -> Option<&Organisation> {
        labels(name).into_iter().find_map(|label| {
            let bearers = match self.labels.get(&label) {
                Some(bearers) => bearers.as_slice(),
                None => std::slice::from_ref(self.names.get(&label)?),
            };
            let is_own = bearers.iter().any(|bearer| own == Some(&*bearer.id));
            bearers.first().filter(|_| !is_own).map(|bearer| &**bearer)
        })
    }
}

/// The domains above `domain`, the nearest first: `c.fr` and `fr` for `b.c.fr`.
fn parents(domain: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(domain.split_once('.').map(|(_, rest)| rest), |domain| {
        domain.split_once('.').map(|(_, rest)| rest)
    })
}

#[cfg(test)]
mod tests;

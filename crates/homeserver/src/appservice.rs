// SPDX-License-Identifier: Apache-2.0
//! Application services: who they are and which users, aliases and rooms are theirs.
//!
//! Application Service API, "Registration". Files are YAML, of which JSON is a part.

mod interest;
mod query;
pub(crate) mod request;
pub(crate) mod sender;
mod transaction;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use estafette_core::{
    ids::{RoomAlias, ServerName, UserId},
    limits::{APPSERVICE_PATTERN_BYTES_MAX, APPSERVICE_REGISTRATION_BYTES_MAX},
};
use estafette_store::accounts::TokenHash;
use regex::{Regex, RegexBuilder};
use serde::Deserialize;
use tokio::sync::watch;

/// Why a registration file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// It cannot be read.
    #[error("cannot read the application service registration {0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It says something impossible.
    #[error("the application service registration {0} is wrong: {1}")]
    Wrong(PathBuf, String),
}

/// One application service.
#[derive(Debug)]
pub struct Registration {
    /// Its name on this server.
    pub id: String,
    /// Where it wants to be told; `None`: nowhere.
    pub url: Option<String>,
    /// The token by which this server proves itself to it.
    pub hs_token: String,
    /// The user that it is itself.
    pub sender: UserId,
    /// Whether its users are held to rate limits.
    pub rate_limited: bool,
    /// Whether it wants typing, receipts and presence.
    pub receive_ephemeral: bool,
    /// Third-party protocols that it speaks.
    pub protocols: Vec<String>,
    /// Where somebody has read since it was last told, if it wants to know.
    pub(crate) read_rooms: sender::ReadRooms,
    server_name: String,
    as_token: TokenHash,
    users: Vec<Namespace>,
    aliases: Vec<Namespace>,
    rooms: Vec<Namespace>,
}

#[derive(Debug)]
struct Namespace {
    exclusive: bool,
    pattern: Regex,
}

impl Registration {
    /// Whether it may speak for `user_id`: its own user, or one of this server in its namespaces.
    pub fn owns_user(&self, user_id: &UserId) -> bool {
        let local = user_id.server_name() == self.server_name;
        *user_id == self.sender || (local && self.is_interested_in_user(user_id))
    }

    /// Whether events of `user_id`, of any server, are to be told to it.
    pub fn is_interested_in_user(&self, user_id: &UserId) -> bool {
        *user_id == self.sender || any(&self.users, user_id.as_str())
    }

    /// Whether `alias` is in its namespaces.
    pub fn is_interested_in_alias(&self, alias: &RoomAlias) -> bool {
        any(&self.aliases, alias.as_str())
    }

    /// Whether the room is in its namespaces.
    pub fn is_interested_in_room(&self, room_id: &str) -> bool {
        any(&self.rooms, room_id)
    }

    /// Whether it has namespaces of aliases at all.
    pub fn has_aliases(&self) -> bool {
        !self.aliases.is_empty()
    }
}

fn any(namespaces: &[Namespace], name: &str) -> bool {
    namespaces.iter().any(|namespace| namespace.pattern.is_match(name))
}

fn any_exclusive(namespaces: &[Namespace], name: &str) -> bool {
    namespaces.iter().any(|namespace| namespace.exclusive && namespace.pattern.is_match(name))
}

/// All application services of this server.
#[derive(Debug, Default)]
pub struct Appservices {
    all: Vec<Arc<Registration>>,
    by_token: HashMap<TokenHash, Arc<Registration>>,
    wake: watch::Sender<()>,
}

impl Appservices {
    /// Reads the registration files. Ids and tokens must be unique.
    pub fn load(files: &[PathBuf], server_name: &ServerName) -> Result<Self, RegistrationError> {
        let mut appservices = Self::default();
        for file in files {
            let registration = Arc::new(read(file, server_name)?);
            let known = appservices.all.iter().any(|known| known.id == registration.id);
            if known || appservices.by_token.contains_key(&registration.as_token) {
                let message = "its id or as_token is that of another one".to_owned();
                return Err(RegistrationError::Wrong(file.clone(), message));
            }
            appservices.by_token.insert(registration.as_token, Arc::clone(&registration));
            appservices.all.push(registration);
        }
        Ok(appservices)
    }

    /// Something may have happened that has to be told to them.
    pub(crate) fn wake(&self) {
        self.wake.send_replace(());
    }

    /// Completes when something may have happened since the last time.
    pub(crate) fn woken(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    /// Every one of them.
    pub fn all(&self) -> &[Arc<Registration>] {
        &self.all
    }

    /// The one whose `as_token` that is. Compared by hash, so the time tells nothing of the token.
    pub fn by_token(&self, token: &str) -> Option<Arc<Registration>> {
        if self.by_token.is_empty() {
            return None;
        }
        self.by_token.get(&TokenHash::of(token)).cloned()
    }

    /// Whether `user_id` belongs to an application service exclusively, other than `but`.
    pub fn claims_user(&self, user_id: &UserId, but: Option<&Registration>) -> bool {
        self.others(but)
            .any(|known| known.sender == *user_id || any_exclusive(&known.users, user_id.as_str()))
    }

    /// Whether `alias` belongs to an application service exclusively, other than `but`.
    pub fn claims_alias(&self, alias: &RoomAlias, but: Option<&Registration>) -> bool {
        self.others(but).any(|known| any_exclusive(&known.aliases, alias.as_str()))
    }

    fn others(&self, but: Option<&Registration>) -> impl Iterator<Item = &Arc<Registration>> {
        let but = but.map(|but| but.id.clone());
        self.all.iter().filter(move |known| but.as_deref() != Some(known.id.as_str()))
    }
}

#[derive(Deserialize)]
struct File {
    id: String,
    #[serde(default)]
    url: Option<String>,
    as_token: String,
    hs_token: String,
    sender_localpart: String,
    #[serde(default)]
    rate_limited: Option<bool>,
    #[serde(default, alias = "de.sorunome.msc2409.push_ephemeral", alias = "push_ephemeral")]
    receive_ephemeral: bool,
    #[serde(default)]
    protocols: Option<Vec<String>>,
    namespaces: FileNamespaces,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct FileNamespaces {
    users: Vec<FileNamespace>,
    aliases: Vec<FileNamespace>,
    rooms: Vec<FileNamespace>,
}

#[derive(Deserialize)]
struct FileNamespace {
    #[serde(default)]
    exclusive: bool,
    regex: String,
}

fn read(file: &Path, server_name: &ServerName) -> Result<Registration, RegistrationError> {
    let wrong = |message: String| RegistrationError::Wrong(file.to_owned(), message);
    let text = std::fs::read_to_string(file)
        .map_err(|error| RegistrationError::Unreadable(file.to_owned(), error))?;
    if text.len() > APPSERVICE_REGISTRATION_BYTES_MAX {
        return Err(wrong("it is too large".into()));
    }
    let parsed: File = serde_yaml_ng::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    if parsed.as_token.is_empty() || parsed.hs_token.is_empty() {
        return Err(wrong("its tokens must not be empty".into()));
    }
    let sender = UserId::from_localpart(&parsed.sender_localpart, server_name)
        .map_err(|error| wrong(format!("sender_localpart: {error}")))?;
    let namespaces = |list: Vec<FileNamespace>| {
        list.into_iter().map(namespace).collect::<Result<Vec<_>, _>>().map_err(wrong)
    };
    Ok(Registration {
        id: parsed.id,
        url: parsed.url.filter(|url| !url.is_empty()),
        hs_token: parsed.hs_token,
        sender,
        rate_limited: parsed.rate_limited.unwrap_or(true),
        receive_ephemeral: parsed.receive_ephemeral,
        protocols: parsed.protocols.unwrap_or_default(),
        read_rooms: sender::ReadRooms::default(),
        server_name: server_name.to_string(),
        as_token: TokenHash::of(&parsed.as_token),
        users: namespaces(parsed.namespaces.users)?,
        aliases: namespaces(parsed.namespaces.aliases)?,
        rooms: namespaces(parsed.namespaces.rooms)?,
    })
}

/// A namespace's pattern matches from the beginning of a name, and the whole of it: a pattern that
/// ends too early must not take in the names of others.
fn namespace(namespace: FileNamespace) -> Result<Namespace, String> {
    let pattern = RegexBuilder::new(&format!("^(?:{})$", namespace.regex))
        .size_limit(APPSERVICE_PATTERN_BYTES_MAX)
        .build()
        .map_err(|error| format!("the pattern `{}`: {error}", namespace.regex))?;
    Ok(Namespace { exclusive: namespace.exclusive, pattern })
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: Apache-2.0
//! One file, two owners: the section `[identity]` is identity's, everything else the homeserver's.

use std::{error::Error, path::Path};

use estafette_core::ids::ServerName;
use estafette_homeserver::{
    Server,
    config::{self, Config},
    http,
};
use estafette_identity::{IdentityConfig, config::OPTIONS};
use tracing_subscriber::EnvFilter;

/// Everything that the operator decided.
pub(crate) struct Settings {
    pub(crate) homeserver: Config,
    pub(crate) identity: IdentityConfig,
}

impl Settings {
    /// Reads `file` (where given) and the environment, which wins.
    pub(crate) fn load(file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let mut tree = config::read_tree(file, std::env::vars())?;
        let identity = match tree.remove("identity") {
            None => IdentityConfig::default(),
            Some(section) => section.try_into().map_err(|error: toml::de::Error| {
                format!("the configuration is wrong: in [identity]: {error}")
            })?,
        };
        Ok(Self { homeserver: Config::from_tree(tree)?, identity })
    }

    /// Says what is wrong with the files that are named and with options that belong together:
    /// everything that a start needs and that can be told without starting. Makes nothing.
    pub(crate) fn check(&self) -> Result<(), Box<dyn Error>> {
        let homeserver = &self.homeserver;
        EnvFilter::try_new(&homeserver.log).map_err(|error| format!("log: {error}"))?;
        http::check_tls(&homeserver.listener)?;
        Server::check(homeserver)?;
        let here = ServerName::parse(&homeserver.server_name)?;
        let has_url = !homeserver.public_base_url.is_empty();
        Ok(estafette_identity::check(&self.identity, &here, has_url)?)
    }
}

/// Every option with its default, explained.
pub(crate) fn explain() -> String {
    let identity = toml::Table::try_from(IdentityConfig::default()).unwrap_or_default();
    config::explain(&[("identity", identity, OPTIONS)])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise an operator who starts from the printed file would start from a wrong one.
    #[test]
    fn what_is_explained_can_be_read_back_and_names_every_option() {
        let folder = std::env::temp_dir().join(format!("estafette-{}", std::process::id()));
        std::fs::write(&folder, explain()).unwrap();
        let settings = Settings::load(Some(&folder)).unwrap();
        std::fs::remove_file(&folder).unwrap();
        assert_eq!(
            toml::Table::try_from(&settings.identity).unwrap(),
            toml::Table::try_from(IdentityConfig::default()).unwrap()
        );
        let defaults = toml::Table::try_from(IdentityConfig::default()).unwrap();
        let mut paths = Vec::new();
        list(&defaults, "", &mut paths);
        let explained: Vec<&str> = OPTIONS.iter().map(|(path, _)| *path).collect();
        for path in &paths {
            assert!(explained.contains(&path.as_str()), "`{path}` is not explained");
        }
        assert_eq!(paths.len(), explained.len());
    }

    /// Otherwise an operator would hear that all is right, and people of the button that fails.
    #[test]
    fn a_provider_that_cannot_work_is_named_before_the_start() {
        let path = std::env::temp_dir().join(format!("estafette-up-{}", std::process::id()));
        let check = |domains: &str| {
            let provider = format!(
                "[[identity.upstream]]\nid = \"idp\"\nname = \"P\"\nissuer = \"https://idp.fr\"\n\
                 client_id = \"c\"\nclient_secret = \"s\"\ndomains = [\"{domains}\"]\n"
            );
            std::fs::write(&path, provider).unwrap();
            let settings = Settings::load(Some(&path));
            settings.and_then(|settings| settings.check()).map_err(|error| error.to_string())
        };
        let wrong = check("*.x.fr");
        let right = check("x.fr");
        std::fs::remove_file(&path).unwrap();
        let said = wrong.unwrap_err();
        assert!(said.starts_with("identity.upstream: provider `idp`: `domains`: "), "{said}");
        right.unwrap();
    }

    fn list(table: &toml::Table, root: &str, paths: &mut Vec<String>) {
        for (key, value) in table {
            match value {
                toml::Value::Table(inner) if !inner.is_empty() => {
                    list(inner, &format!("{root}{key}."), paths);
                }
                _ => paths.push(format!("{root}{key}")),
            }
        }
    }
}

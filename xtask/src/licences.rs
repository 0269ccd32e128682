// SPDX-License-Identifier: Apache-2.0
//! What a dependency may be: the lists of `deny.toml`, held against the lock file.
//!
//! `cargo deny check` reads the same file and looks closer (at the licence texts themselves); this
//! needs nothing to be installed, so it runs with every change.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result, bail};
use serde_json::Value;
use spdx::{Expression, ParseMode};

use crate::shell;

/// What `deny.toml` says, as far as it is held here.
struct Policy {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
}

/// Fails when a dependency of any kind has another licence, another source, or is banned.
pub(crate) fn run() -> Result<()> {
    let policy = policy()?;
    let output = shell::cargo(&["metadata", "--locked", "--format-version", "1"])
        .args(["--all-features", "--filter-platform", "x86_64-unknown-linux-gnu"])
        .output()?;
    if !output.status.success() {
        bail!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata.get("packages").and_then(Value::as_array).context("no packages")?;
    let wrong: Vec<String> = packages.iter().filter_map(|one| complaint(one, &policy)).collect();
    if !wrong.is_empty() {
        bail!("dependencies that may not be:\n{}", wrong.join("\n"));
    }
    println!("licences: {} packages in order", packages.len());
    Ok(())
}

fn policy() -> Result<Policy> {
    let text = fs::read_to_string(shell::root().join("deny.toml"))?;
    let file: toml::Table = text.parse()?;
    let list = |section: &str, key: &str| {
        file.get(section)
            .and_then(|section| section.get(key))
            .and_then(toml::Value::as_array)
            .with_context(|| format!("deny.toml has no {section}.{key}"))
    };
    let licences = list("licenses", "allow")?;
    let banned = list("bans", "deny")?;
    Ok(Policy {
        licences: licences.iter().filter_map(|one| Some(one.as_str()?.to_owned())).collect(),
        banned: banned
            .iter()
            // What may be used by some packages is `tidy`'s to check.
            .filter(|one| one.get("wrappers").is_none())
            .filter_map(|one| Some(one.get("crate")?.as_str()?.to_owned()))
            .collect(),
    })
}

/// What is wrong with a package, in one line.
fn complaint(package: &Value, policy: &Policy) -> Option<String> {
    let name = text(package, "name");
    let version = text(package, "version");
    let says = |what: String| Some(format!("  {name} {version}: {what}"));
    if policy.banned.contains(name) {
        return says("is banned".into());
    }
    // Without a source it is one of ours.
    let source = package.get("source")?.as_str()?;
    if !source.starts_with("registry+https://github.com/rust-lang/crates.io-index") {
        return says(format!("comes from {source}"));
    }
    let licence = text(package, "license");
    match allowed(licence, &policy.licences) {
        Ok(true) => None,
        Ok(false) => says(format!("licence {licence}")),
        Err(error) => says(format!("licence `{licence}` cannot be read: {error}")),
    }
}

fn text<'a>(package: &'a Value, key: &str) -> &'a str {
    package.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a licence expression can be met with the allowed ones alone.
fn allowed(licence: &str, allow: &BTreeSet<String>) -> Result<bool> {
    let expression = Expression::parse_mode(licence, ParseMode::LAX)?;
    Ok(expression.evaluate(|asked| allow.contains(&asked.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a licence that binds whoever uses us could come in with an update.
    #[test]
    fn an_expression_is_met_by_allowed_licences_alone() {
        let allow = policy().unwrap().licences;
        for good in ["MIT", "MIT OR GPL-3.0-only", "MIT/Apache-2.0", "(MIT OR ISC) AND Zlib"] {
            assert!(allowed(good, &allow).unwrap(), "{good}");
        }
        for bad in ["GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-only"] {
            assert!(!allowed(bad, &allow).unwrap(), "{bad}");
        }
        assert!(allowed("", &allow).is_err());
    }
}

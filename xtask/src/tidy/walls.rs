// SPDX-License-Identifier: Apache-2.0
//! Who may use what.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Finding, sources::Source};
use crate::shell;

/// Our packages, and which of ours each may depend on outside its tests.
const WALLS: &[(&str, &[&str])] = &[
    ("estafette-core", &[]),
    ("estafette-store", &["estafette-core"]),
    ("estafette-identity", &["estafette-core", "estafette-store"]),
    ("estafette-homeserver", &["estafette-core", "estafette-store"]),
    ("estafette-scanner", &[]),
    (
        "estafette",
        &["estafette-core", "estafette-store", "estafette-homeserver", "estafette-identity"],
    ),
];

/// What the rules must not know: nothing that does input or output, waits, or tells the time.
const NOT_IN_CORE: &[&str] = &[
    "tokio",
    "async-std",
    "smol",
    "rusqlite",
    "sqlx",
    "tokio-postgres",
    "axum",
    "hyper",
    "http",
    "reqwest",
    "tower",
    "tracing",
    "log",
    "rand",
    "getrandom",
    "chrono",
    "time",
];

/// What the memory must not know.
const NOT_IN_STORE: &[&str] =
    &["axum", "hyper", "http", "reqwest", "tower", "tower-http", "hyper-util"];

/// What the rules must not name in their source.
const NOT_NAMED_IN_CORE: &[&str] = &[
    "std::fs",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "ToSocketAddrs",
    "std::process",
    "SystemTime",
    "Instant",
    "std::env",
    "std::thread",
];

/// Beginnings of SQL statements.
const SQL: &[&str] = &["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "CREATE TABLE", "PRAGMA "];

/// Modules of the homeserver that never import each other.
const STRANGERS: &[(&str, &str)] = &[("client", "federation"), ("federation", "client")];

pub(super) fn check_imports(source: &Source) -> Vec<Finding> {
    if !source.is_rust() || source.is_test() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in source.lines_without_tests() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if in_crate(source, "core")
            && let Some(name) = NOT_NAMED_IN_CORE.iter().find(|name| names(line, name))
        {
            found.push(Finding::new(source, number, format!("core may not use {name}")));
        }
        if source.path.starts_with("crates/")
            && !source.path.starts_with("crates/store/")
            && SQL.iter().any(|sql| line.contains(&format!("\"{sql}")))
        {
            found.push(Finding::new(source, number, "only store knows SQL"));
        }
        for (here, there) in STRANGERS {
            let home = format!("crates/homeserver/src/{here}");
            let inside =
                source.path.starts_with(&format!("{home}/")) || source.path == format!("{home}.rs");
            if inside && line.contains(&format!("crate::{there}")) {
                let advice = format!("{here} may not import {there}: go through room_worker");
                found.push(Finding::new(source, number, advice));
            }
        }
    }
    found
}

fn in_crate(source: &Source, name: &str) -> bool {
    source.path.starts_with(&format!("crates/{name}/src/"))
}

/// The name stands in the line as a word or path of its own.
fn names(line: &str, name: &str) -> bool {
    line.match_indices(name).any(|(at, _)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line.get(at + name.len()..).and_then(|text| text.chars().next());
        let part = |c: char| c.is_alphanumeric() || c == '_';
        !before.is_some_and(part) && !after.is_some_and(part)
    })
}

/// Direct dependencies of a package outside its tests, by package.
pub(super) type Dependencies = BTreeMap<String, BTreeSet<String>>;

/// What `cargo metadata` says about our packages.
pub(super) fn metadata() -> Result<Dependencies> {
    let mut cargo = shell::cargo(&["metadata", "--format-version=1", "--no-deps", "--locked"]);
    let output = cargo.output().context("cannot run cargo metadata")?;
    let json: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let text = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let list = |value: &Value, field: &str| {
        value.get(field).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let packages = list(&json, "packages").into_iter().map(|package| {
        let direct = list(&package, "dependencies");
        let shipped = direct.iter().filter(|dependency| text(dependency, "kind") != "dev");
        (text(&package, "name"), shipped.map(|dependency| text(dependency, "name")).collect())
    });
    Ok(packages.collect())
}

pub(super) fn check_dependencies(dependencies: &Dependencies) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut refuse = |package: &str, other: &str| {
        let advice = format!("{package} may not depend on {other}");
        found.push(Finding { place: "Cargo.toml".to_owned(), advice });
    };
    for (package, direct) in dependencies {
        let walls = WALLS.iter().find(|(name, _)| name == package);
        for other in direct {
            let ours = dependencies.contains_key(other);
            if ours && walls.is_some_and(|(_, allowed)| !allowed.contains(&other.as_str())) {
                refuse(package, other);
            }
            let forbidden = match package.as_str() {
                "estafette-core" => NOT_IN_CORE.contains(&other.as_str()),
                "estafette-store" => NOT_IN_STORE.contains(&other.as_str()),
                _ => false,
            };
            if forbidden {
                refuse(package, other);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, line: &str) -> Source {
        Source { path: path.into(), kind: "rs".into(), text: format!("{line}\n") }
    }

    /// Without it a wall could fall while the check stays green.
    #[test]
    fn each_wall_holds() {
        let cases = [
            ("crates/core/src/room.rs", "use std::time::Instant;", 1),
            ("crates/core/src/room.rs", "let instantaneous = 1; // an Instant", 1),
            ("crates/core/src/room.rs", "struct InstantTable;", 0),
            ("crates/core/src/room.rs", "// an Instant", 0),
            ("crates/homeserver/src/client/send.rs", "let q = \"SELECT 1\";", 1),
            ("crates/store/src/sqlite/rooms.rs", "let q = \"SELECT 1\";", 0),
            ("crates/homeserver/src/client/send.rs", "use crate::federation::sender;", 1),
            ("crates/homeserver/src/federation.rs", "use crate::client::send;", 1),
            ("crates/homeserver/src/rooms.rs", "use crate::client::send;", 0),
        ];
        for (path, line, findings) in cases {
            assert_eq!(check_imports(&source(path, line)).len(), findings, "{path}: {line}");
        }
    }

    fn graph(edges: &[(&str, &[&str])]) -> Dependencies {
        edges
            .iter()
            .map(|(from, to)| ((*from).into(), to.iter().map(|to| (*to).into()).collect()))
            .collect()
    }

    /// Without it core could grow a socket.
    #[test]
    fn dependencies_point_one_way() {
        let good = graph(&[
            ("estafette-core", &["serde"]),
            ("estafette-store", &["estafette-core", "rusqlite"]),
            ("estafette-testkit", &[]),
        ]);
        assert!(check_dependencies(&good).is_empty());
        let bad = graph(&[
            ("estafette-core", &["tokio", "estafette-store"]),
            ("estafette-store", &["axum", "estafette-testkit"]),
            ("estafette-testkit", &[]),
        ]);
        assert_eq!(check_dependencies(&bad).len(), 4);
    }
}

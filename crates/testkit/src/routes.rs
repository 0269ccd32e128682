// SPDX-License-Identifier: Apache-2.0
//! The routes of a router, for tables that say who may use each of them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

/// A route by its method and path, whatever its parameters are called: `GET /rooms/{}/members`.
pub fn key(method: &str, path: &str) -> String {
    let mut out = format!("{method} ");
    let mut inside = false;
    for letter in path.chars() {
        match letter {
            '{' => {
                inside = true;
                out.push_str("{}");
            }
            '}' => inside = false,
            letter if !inside => out.push(letter),
            _ => {}
        }
    }
    out
}

/// The keys of all routes of an axum router, read from its `Debug` form (`{router:#?}`): axum has
/// no list of them to give. Errors: the form is not the one that this reads.
pub fn of_router(debug: &str) -> Result<BTreeSet<String>> {
    let (routes, _) = debug.split_once("fallback_router").context("the form has no fallback")?;
    let mut methods: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    let mut found = BTreeSet::new();
    let (mut id, mut id_follows) = (0, false);
    for line in routes.lines().map(str::trim) {
        if id_follows {
            id = line.trim_end_matches(',').parse().context("a route id is no number")?;
        }
        id_follows = line == "RouteId(";
        if let Some((method, "BoxedHandler,") | (method, "Route,")) = line.split_once(": ") {
            methods.entry(id).or_default().push(method.to_uppercase());
        }
        if let Some(path) = line.strip_prefix("): \"").and_then(|rest| rest.strip_suffix("\",")) {
            let methods = methods.get(&id).with_context(|| format!("{path} has no method"))?;
            found.extend(methods.iter().map(|method| key(method, path)));
        }
    }
    Ok(found)
}

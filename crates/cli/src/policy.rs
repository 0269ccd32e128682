// SPDX-License-Identifier: Apache-2.0
//! `estafette config policy`: whom the policy of organisations would move.

use std::{error::Error, path::Path, sync::Arc};

use estafette_core::ids::ServerName;
use estafette_identity::{
    policy::{self, Moves},
    read_policy,
};
use estafette_store::{
    fact::NoSink,
    sqlite::{SqliteOptions, SqliteStore},
};
use serde_json::json;

use crate::settings::Settings;

/// Reads the policy and every account's address, prints who would move, and changes nothing. In
/// JSON in the shapes of `estafette admin`: `done`, or `refused` with a sentence.
pub(crate) fn check(file: Option<&Path>, as_json: bool) -> Result<(), Box<dyn Error>> {
    let found = found(file);
    if as_json {
        let line = match &found {
            Ok(found) => json!({ "done": found }),
            Err(error) => json!({ "refused": error.to_string() }),
        };
        println!("{line}");
        return found.map(|_| ());
    }
    show(&found?);
    Ok(())
}

fn found(file: Option<&Path>) -> Result<Moves, Box<dyn Error>> {
    let settings = Settings::load(file)?;
    let here = ServerName::parse(&settings.homeserver.server_name)?;
    let policy = read_policy(&settings.identity, &here)?;
    let database = settings.homeserver.data_dir.join("estafette.db");
    if !database.exists() {
        return Err(format!("there is no database at {}", database.display()).into());
    }
    let store = SqliteStore::open(&SqliteOptions::new(database), Arc::new(NoSink))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(policy::check(&policy, &here, &store))?)
}

fn show(found: &Moves) {
    for movement in &found.moves {
        let nobody = || "nobody".to_owned();
        let name = movement.name.as_ref().map(|name| format!(", called {name}"));
        println!(
            "{} ({}): {} -> {}{}{}{}",
            movement.user_id,
            movement.address,
            movement.from.clone().unwrap_or_else(nobody),
            movement.to.clone().unwrap_or_else(nobody),
            movement.homeserver.as_ref().map(|name| format!(" on {name}")).unwrap_or_default(),
            name.unwrap_or_default(),
            if movement.unplaced { " (has no place on this server: decide)" } else { "" },
        );
    }
    let unplaced = found.moves.iter().filter(|movement| movement.unplaced).count();
    println!(
        "{} of {} accounts would move, {unplaced} have nowhere on this server to go and stay on it \
         as guests or under the name of another server's organisation, {} are fixed.",
        found.moves.len() - unplaced,
        found.accounts,
        found.fixed,
    );
}

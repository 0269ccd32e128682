// SPDX-License-Identifier: Apache-2.0
//! `estafette config policy`: whom the policy of organisations would move.

use std::{
    error::Error,
    path::{Path, PathBuf},
    sync::Arc,
};

use estafette_core::ids::ServerName;
use estafette_homeserver::clock::{Clock as _, SystemClock};
use estafette_identity::{
    policy::{self, LosingAdministrators, Moves},
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
    let database = database(&settings);
    if !database.exists() {
        return Err(format!("there is no database at {}", database.display()).into());
    }
    if !SqliteStore::is_current(&database)? {
        let why = "is of an earlier program: start this one on it first";
        return Err(format!("{} {why}", database.display()).into());
    }
    Ok(moves(&settings)?.0)
}

fn database(settings: &Settings) -> PathBuf {
    settings.homeserver.data_dir.join("estafette.db")
}

/// Whom the policy of the configuration moves, and which administrators lose that by it.
fn moves(settings: &Settings) -> Result<(Moves, Option<LosingAdministrators>), Box<dyn Error>> {
    let here = ServerName::parse(&settings.homeserver.server_name)?;
    let policy = read_policy(&settings.identity, &here)?;
    let store = SqliteStore::open(&SqliteOptions::new(database(settings)), Arc::new(NoSink))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let found = policy::check(&policy, &here, &store).await?;
        let losing =
            LosingAdministrators::among(found.moves.iter(), &store, SystemClock.now_ms()).await?;
        Ok::<_, Box<dyn Error>>((found, losing))
    })
}

/// What the next start does to administrators, where it does something.
pub(crate) fn warning(settings: &Settings) -> Option<String> {
    let (identity, database) = (&settings.identity, database(settings));
    let applies = identity.enabled
        && identity.policy.apply_at_start
        && !identity.policy.file.as_os_str().is_empty();
    if !applies || !database.exists() {
        return None;
    }
    let looked = match SqliteStore::is_current(&database) {
        Ok(true) => moves(settings),
        Ok(false) => Err("its database is of an earlier program".into()),
        Err(error) => Err(error.into()),
    };
    match looked {
        Ok((_, losing)) => losing.map(|losing| losing.sentence()),
        Err(error) => Some(format!(
            "Whether administrators lose that by the policy could not be told: {error}."
        )),
    }
}

fn show(found: &Moves) {
    for movement in &found.moves {
        let nobody = || "nobody".to_owned();
        let name = movement.name.as_ref().map(|name| format!(", called {name}"));
        println!(
            "{} ({}): {} -> {}{}{}{}{}",
            movement.user_id,
            movement.address,
            movement.from.clone().unwrap_or_else(nobody),
            movement.to.clone().unwrap_or_else(nobody),
            movement.homeserver.as_ref().map(|name| format!(" on {name}")).unwrap_or_default(),
            name.unwrap_or_default(),
            if movement.unplaced { " (has no place on this server: decide)" } else { "" },
            if movement.loses_admin { " (loses administration)" } else { "" },
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

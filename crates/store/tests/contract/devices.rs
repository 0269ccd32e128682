// SPDX-License-Identifier: Apache-2.0
//! A store with devices in it, and an ear for what it publishes.

use std::sync::Arc;

use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, CommitSink, Fact, FactKind, Position,
    accounts::{CreateOutcome, LoginOutcome, NewAccount},
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
};
use parking_lot::Mutex;

/// Writes down what was published, as `kind user device`.
#[derive(Default)]
pub(crate) struct Heard(Mutex<Vec<(Position, String)>>);

impl CommitSink for Heard {
    fn committed(&self, _: Position, facts: &[Fact]) {
        self.0.lock().extend(facts.iter().map(|fact| {
            let text = match &fact.kind {
                FactKind::DeviceList { user_id } => format!("list {user_id}"),
                FactKind::OneTimeKeys { user_id, device_id } => {
                    format!("keys {user_id} {device_id}")
                }
                FactKind::ToDevice { user_id, device_id } => {
                    format!("message {user_id} {device_id}")
                }
                other => format!("{other:?}"),
            };
            (fact.pos, text)
        }));
    }
}

/// A store on a file of its own.
pub(crate) struct World {
    pub(crate) store: SqliteStore,
    heard: Arc<Heard>,
    options: SqliteOptions,
    folder: tempfile::TempDir,
}

impl World {
    /// With the devices `@a:x.fr A1 A2`, `@b:x.fr B1` and `@c:x.fr C1`.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // A process that ends loses nothing that was written, flushed or not; flushing is what the
        // crash tests are for.
        let options = SqliteOptions {
            synchronous: Synchronous::Off,
            readers: 2,
            ..SqliteOptions::new(folder.path().join("db"))
        };
        let heard = Arc::<Heard>::default();
        let store = SqliteStore::open(&options, Arc::clone(&heard) as Arc<dyn CommitSink>).unwrap();
        let world = Self { store, heard, options, folder };
        for (name, device_id) in [("a", "A1"), ("a", "A2"), ("b", "B1"), ("c", "C1")] {
            world.add_device(name, device_id).await;
        }
        world.heard();
        world
    }

    pub(crate) async fn add_device(&self, name: &str, device_id: &str) {
        let user_id = user(name);
        if self.store.account(&user_id).await.unwrap().is_none() {
            let account = NewAccount {
                user_id: user_id.clone(),
                password_hash: None,
                appservice_id: None,
                is_admin: false,
                displayname: None,
                registration_token: None,
                login: None,
                now_ms: 0,
            };
            assert_eq!(self.store.create_account(account).await.unwrap(), CreateOutcome::Created);
        }
        let device_id = device(device_id);
        let made = self.store.put_device(&user_id, &device_id, Some("Phone"), 0).await.unwrap();
        assert_eq!(made, LoginOutcome::LoggedIn);
    }

    /// Rows of a table.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let conn = rusqlite::Connection::open(self.folder.path().join("db")).unwrap();
        let sql = format!("SELECT count(*) FROM {table}");
        conn.query_row(&sql, (), |row| row.get(0)).unwrap()
    }

    /// Closes the store and opens it again.
    pub(crate) fn restart(&mut self) {
        // The old store must be gone before the new one opens.
        let elsewhere =
            SqliteOptions { path: self.folder.path().join("elsewhere"), ..self.options.clone() };
        let sink = Arc::clone(&self.heard) as Arc<dyn CommitSink>;
        self.store = SqliteStore::open(&elsewhere, Arc::clone(&sink)).unwrap();
        self.store = SqliteStore::open(&self.options, sink).unwrap();
    }

    /// What was published since the last call.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.0.lock()).into_iter().map(|(_, text)| text).collect()
    }
}

pub(crate) fn user(name: &str) -> UserId {
    UserId::parse(&format!("@{name}:x.fr")).unwrap()
}

pub(crate) fn device(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

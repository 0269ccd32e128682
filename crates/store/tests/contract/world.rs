// SPDX-License-Identifier: Apache-2.0
//! A store on a file of its own, and an ear for what it publishes.

use std::sync::Arc;

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, CommitSink, Fact, FactKind, Position,
    accounts::{CreateOutcome, NewAccount, TokenHash},
    sqlite::{SqliteOptions, SqliteStore, Synchronous},
};
use parking_lot::Mutex;

/// Writes down what was published.
#[derive(Default)]
pub(crate) struct Heard(pub(crate) Mutex<Vec<FactKind>>);

impl CommitSink for Heard {
    fn committed(&self, _head: Position, facts: &[Fact]) {
        self.0.lock().extend(facts.iter().map(|fact| fact.kind.clone()));
    }
}

/// An empty store.
pub(crate) struct World {
    pub(crate) store: SqliteStore,
    pub(crate) heard: Arc<Heard>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let heard = Arc::<Heard>::default();
        // A process that ends loses nothing that was written, flushed or not; flushing is what the
        // crash tests are for.
        let options = SqliteOptions {
            synchronous: Synchronous::Off,
            readers: 2,
            ..SqliteOptions::new(folder.path().join("db"))
        };
        let store = SqliteStore::open(&options, Arc::clone(&heard) as Arc<dyn CommitSink>).unwrap();
        Self { store, heard, folder }
    }

    /// An account without a password.
    pub(crate) async fn add_account(&self, id: &str) -> UserId {
        let account = NewAccount {
            user_id: user(id),
            password_hash: None,
            appservice_id: None,
            is_admin: false,
            displayname: None,
            registration_token: None,
            login: None,
            now_ms: 0,
        };
        assert_eq!(self.store.create_account(account).await.unwrap(), CreateOutcome::Created);
        user(id)
    }

    /// Whether an access token lets anybody in.
    pub(crate) async fn is_in(&self, token: &str) -> bool {
        self.store.session(&TokenHash::of(token)).await.unwrap().is_some()
    }

    /// The database itself, as somebody with the file has it.
    pub(crate) fn file(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.path().join("db")).unwrap()
    }

    /// Rows of a table.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.file().query_row(&sql, (), |row| row.get(0)).unwrap()
    }
}

pub(crate) fn user(id: &str) -> UserId {
    UserId::parse(id).unwrap()
}

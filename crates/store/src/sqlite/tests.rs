// SPDX-License-Identifier: Apache-2.0
//! Without these a failed write could spoil its neighbours, or a position could be used twice.

use parking_lot::Mutex;

use super::*;
use crate::{Fact, FactKind};

#[derive(Default)]
struct Heard(Mutex<Vec<(Position, Vec<Position>)>>);

impl CommitSink for Heard {
    fn committed(&self, head: Position, facts: &[Fact]) {
        self.0.lock().push((head, facts.iter().map(|fact| fact.pos).collect()));
    }
}

fn fact() -> FactKind {
    FactKind::DeviceList { user_id: estafette_core::ids::UserId::parse("@a:x.fr").unwrap() }
}

fn open(folder: &tempfile::TempDir, sink: Arc<Heard>) -> SqliteStore {
    SqliteStore::open(&SqliteOptions::new(folder.path().join("db")), sink).unwrap()
}

#[tokio::test]
async fn a_refused_write_leaves_its_neighbours_and_the_log_alone() {
    let folder = tempfile::tempdir().unwrap();
    let heard = Arc::new(Heard::default());
    let store = open(&folder, Arc::clone(&heard));
    store
        .write(|tx| Ok(tx.conn.execute_batch("CREATE TABLE t (x INTEGER) STRICT")?))
        .await
        .unwrap();
    let good = store.write(|tx| {
        tx.conn.execute("INSERT INTO t VALUES (1)", ())?;
        Ok(tx.record(fact()))
    });
    let bad = store.write(|tx| {
        tx.conn.execute("INSERT INTO t VALUES (2)", ())?;
        tx.record(fact());
        Err::<(), _>(StoreError::Conflict("on purpose"))
    });
    let panics = store.write(|tx| {
        tx.conn.execute("INSERT INTO t VALUES (3)", ())?;
        tx.record(fact());
        assert!(tx.conn.is_autocommit(), "a bug in a job");
        Ok(())
    });
    let after = store.write(|tx| Ok(tx.record(fact())));
    let (good, bad, panics, after) = tokio::join!(good, bad, panics, after);
    assert_eq!(good.unwrap(), Position(1));
    assert!(matches!(bad, Err(StoreError::Conflict(_))));
    assert!(matches!(panics, Err(StoreError::Corrupt(_))));
    assert_eq!(after.unwrap(), Position(2));
    assert_eq!(store.head(), Position(2));
    let kept: Vec<i64> = store
        .read(|conn| {
            let mut statement = conn.prepare("SELECT x FROM t")?;
            let rows = statement.query_map((), |row| row.get(0))?;
            Ok(rows.collect::<Result<_, _>>()?)
        })
        .await
        .unwrap();
    assert_eq!(kept, [1]);
    let published: Vec<_> = heard.0.lock().iter().flat_map(|(_, facts)| facts.clone()).collect();
    assert_eq!(published, [Position(1), Position(2)]);
}

#[tokio::test]
async fn positions_go_on_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Arc::default());
    assert_eq!(store.write(|tx| Ok(tx.record(fact()))).await.unwrap(), Position(1));
    drop(store);
    let store = open(&folder, Arc::default());
    assert_eq!(store.head(), Position(1));
    assert_eq!(store.write(|tx| Ok(tx.record(fact()))).await.unwrap(), Position(2));
}

#[tokio::test]
async fn a_newer_schema_is_refused_with_a_sentence() {
    let folder = tempfile::tempdir().unwrap();
    drop(open(&folder, Arc::default()));
    let connection = Connection::open(folder.path().join("db")).unwrap();
    connection.pragma_update(None, "user_version", 10_000).unwrap();
    drop(connection);
    let options = SqliteOptions::new(folder.path().join("db"));
    let error = SqliteStore::open(&options, Arc::new(Heard::default())).err().unwrap();
    assert!(error.to_string().contains("use a newer program"), "{error}");
}

/// Without it the log would grow as long as writes come without a pause.
#[test]
fn the_log_is_begun_anew_and_grows_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let writer = connect(&path, Synchronous::Full, 1024).unwrap();
    let reader = connect(&path, Synchronous::Full, 1024).unwrap();
    writer.execute_batch("CREATE TABLE t (x BLOB) STRICT").unwrap();
    let write = || {
        for _ in 0..50 {
            writer.execute("INSERT INTO t VALUES (zeroblob(20000))", ()).unwrap();
        }
        let count: i64 = reader.query_row("SELECT count(*) FROM t", (), |row| row.get(0)).unwrap();
        assert_eq!(count % 50, 0);
        std::fs::metadata(folder.path().join("db-wal")).unwrap().len()
    };
    let first = write();
    for _ in 0..3 {
        checkpoint::begin_anew(&writer);
        let next = write();
        assert!(next <= first + first / 4, "{first} {next}");
    }
}

/// Without an index any member could have the server read a whole room for one request, and each
/// delayed event would cost a look at all of them.
#[tokio::test]
async fn what_grows_without_bound_is_found_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder, Arc::default());
    for (sql, index) in [
        (room_reads::behind_sql(">=", "ASC"), "timeline_behind"),
        (room_reads::behind_sql("<=", "DESC"), "timeline_behind"),
        (delayed_events::FORGET_ENDED.to_owned(), "delayed_event_ended"),
    ] {
        let plan = store.read(move |conn| {
            let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
            let all = vec![0_i64; statement.parameter_count()];
            let rows = statement
                .query_map(rusqlite::params_from_iter(all), |row| row.get::<_, String>(3))?;
            Ok(rows.collect::<Result<Vec<_>, _>>()?)
        });
        let plan = plan.await.unwrap();
        assert!(plan[0].contains(index), "{plan:?}");
        assert!(!plan.iter().any(|step| step.starts_with("SCAN") || step.contains("B-TREE")));
    }
}

// SPDX-License-Identifier: Apache-2.0
//! Without these a new program could lose or misread what an older one wrote, and a server that was
//! killed while it brought its database up to date would never start again.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use estafette_core::ids::UserId;
use rusqlite::{
    trace::{TraceEvent, TraceEventCodes},
    types::Value,
};
use tempfile::TempDir;

use super::*;
use crate::{
    AccountStore as _, CommitSink, Fact, PeopleStore as _, Position,
    accounts::DirectoryQuery,
    sqlite::{SqliteOptions, SqliteStore, Synchronous, connect},
};

struct Deaf;

impl CommitSink for Deaf {
    fn committed(&self, _: Position, _: &[Fact]) {}
}

/// Rows of each table before the steps that follow.
const ROWS: i64 = 4;

/// Tables of a single row, which their step writes, and what is left to do, which a start does.
const NOT_FILLED: [&str; 4] = ["head", "push_progress", "audit_head", "directory_stale"];

/// A step that began the directory's index anew.
const DIRECTORY_STEP: usize = 11;
/// The step after which the directory's index has its present form. What was in these tables before
/// it is derived from accounts and profiles, which stay.
const TURNED_NAMES_STEP: usize = 27;
/// The same, with words that are written as one.
const JOINED_NAMES_STEP: usize = 33;
const INDEX: [&str; 6] = [
    "directory_entry",
    "directory_word",
    "directory_name",
    "directory_member",
    "directory_organisation",
    "directory_organisation_word",
];
/// How many steps there were before the directory knew older accounts.
const OLDER_ACCOUNTS_STEP: usize = 24;

fn open(folder: &Path) -> Connection {
    // So small a cache has pages of open transactions written to the log.
    connect(&folder.join("db"), Synchronous::Off, 8).unwrap()
}

fn at_step(count: usize) -> (TempDir, Connection) {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = open(folder.path());
    migrate_to(&mut connection, count).unwrap();
    (folder, connection)
}

fn strings(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).unwrap();
    let rows = statement.query_map((), |row| row.get(0)).unwrap();
    rows.collect::<Result<_, _>>().unwrap()
}

fn tables(connection: &Connection) -> Vec<String> {
    strings(
        connection,
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
         ORDER BY name",
    )
}

struct Column {
    name: String,
    kind: String,
    may_be_null: bool,
}

fn columns(connection: &Connection, table: &str) -> Vec<Column> {
    let mut statement = connection
        .prepare("SELECT name, type, \"notnull\" = 0 AND pk = 0 FROM pragma_table_info(?1)")
        .unwrap();
    let row = |row: &rusqlite::Row<'_>| {
        Ok(Column { name: row.get(0)?, kind: row.get(1)?, may_be_null: row.get(2)? })
    };
    let columns = statement.query_map((table,), row).unwrap();
    columns.collect::<Result<_, _>>().unwrap()
}

/// What a row of number `row`, from 1, holds in a column.
fn value(table: &str, column: &Column, row: i64) -> Value {
    // The first row has everything, the last nothing that may be absent.
    if column.may_be_null && row == ROWS {
        return Value::Null;
    }
    match (column.kind.as_str(), column.name.as_str()) {
        ("INTEGER", name) if name.ends_with("ts") || name.ends_with("_ms") => {
            Value::Integer(1_800_000_000_000 + row)
        }
        ("INTEGER", "deactivated" | "locked" | "erased" | "hidden" | "guest") => {
            Value::Integer(row % 2)
        }
        ("INTEGER", _) => Value::Integer(row),
        ("REAL", _) => Value::Real(0.5 + f64::from(i32::try_from(row).unwrap())),
        ("BLOB", _) => Value::Blob(vec![u8::try_from(row).unwrap(); 32]),
        ("TEXT", "json" | "content" | "details" | "metadata" | "data") => Value::Text(format!(
            r#"{{"origin_server_ts":{},"table":"{table}"}}"#,
            1_800_000_000_000 + row
        )),
        ("TEXT", "user_id" | "owner" | "sender" | "subject" | "creator") => {
            Value::Text(format!("@u{row}:x.fr"))
        }
        ("TEXT", name) => Value::Text(format!("{name} {row} ’é'\"\u{1F54A}")),
        (kind, name) => panic!("{table}.{name} is of type {kind}: say what it holds"),
    }
}

/// Fills every table that there is.
fn fill(connection: &Connection) {
    connection.execute("UPDATE head SET pos = 1000", ()).unwrap();
    for table in tables(connection) {
        if NOT_FILLED.contains(&table.as_str()) {
            continue;
        }
        let columns = columns(connection, &table);
        let names: Vec<_> = columns.iter().map(|column| column.name.as_str()).collect();
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", names.join(", "));
        for row in 1..=ROWS {
            let values = columns.iter().map(|column| value(&table, column, row));
            connection.execute(&sql, rusqlite::params_from_iter(values)).unwrap();
        }
    }
}

type Rows = BTreeMap<String, (Vec<String>, Vec<String>)>;

/// Every row of every table, in the columns of `known` where that says which.
fn rows(connection: &Connection, known: Option<&Rows>) -> Rows {
    let mut all = Rows::new();
    for table in tables(connection) {
        let names: Vec<String> = match known.map(|known| known.get(&table)) {
            Some(None) => continue,
            Some(Some((names, _))) => names.clone(),
            None => columns(connection, &table).into_iter().map(|column| column.name).collect(),
        };
        let mut statement =
            connection.prepare(&format!("SELECT {} FROM {table}", names.join(", "))).unwrap();
        let found = statement.query_map((), |row| {
            let values = (0..names.len()).map(|at| row.get::<_, Value>(at));
            Ok(format!("{:?}", values.collect::<Result<Vec<_>, _>>()?))
        });
        let mut found = found.unwrap().collect::<Result<Vec<_>, _>>().unwrap();
        found.sort();
        all.insert(table, (names, found));
    }
    all
}

fn check_whole(connection: &Connection) {
    assert_eq!(strings(connection, "PRAGMA integrity_check"), ["ok"]);
    assert_eq!(strings(connection, "SELECT \"table\" FROM pragma_foreign_key_check"), [""; 0]);
}

fn schema_of(connection: &Connection) -> Vec<String> {
    strings(connection, "SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY type, name")
}

/// A database of any age holds what it held before, and is in the end like a new one.
#[test]
fn every_row_of_every_earlier_step_is_carried_forward() {
    let (_folder, new) = at_step(STEPS.len());
    for count in 0..=STEPS.len() {
        let (folder, mut connection) = at_step(count);
        if count > 0 {
            fill(&connection);
        }
        let before = rows(&connection, None);
        migrate(&mut connection).unwrap();
        let mut after = rows(&connection, Some(&before));
        for (table, (_, found)) in &before {
            if count < JOINED_NAMES_STEP && INDEX.contains(&table.as_str()) {
                continue;
            }
            let Some((_, kept)) = after.remove(table) else { panic!("{count}: {table} is gone") };
            assert!(kept == *found, "{count}: {table}: {found:#?}\nis now {kept:#?}");
        }
        assert_eq!(schema_of(&connection), schema_of(&new), "{count}");
        check_whole(&connection);
        drop(connection);
        let options = SqliteOptions::new(folder.path().join("db"));
        let store = SqliteStore::open(&options, std::sync::Arc::new(Deaf)).unwrap();
        assert_eq!(store.head(), Position(if count > 0 { 1000 } else { 0 }));
    }
}

/// A step that was killed, at whichever statement, is done whole by the next start.
#[test]
fn a_step_that_is_killed_at_any_statement_is_run_again() {
    thread_local! {
        static AT_STATEMENT: RefCell<Option<Box<dyn FnMut()>>> = const { RefCell::new(None) };
    }
    fn at_statement(_: TraceEvent<'_>) {
        AT_STATEMENT.with_borrow_mut(|copy| copy.iter_mut().for_each(|copy| copy()));
    }
    // From the first step, from one in the middle, and from the last.
    for count in [0, DIRECTORY_STEP, STEPS.len() - 3] {
        let (folder, mut connection) = at_step(count);
        if count > 0 {
            fill(&connection);
        }
        let copies = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().to_owned(), copies.path().to_owned());
        let mut taken = 0_u32;
        AT_STATEMENT.set(Some(Box::new(move || {
            copy_as_a_kill_leaves_it(&from, &to.join(taken.to_string()));
            taken += 1;
        })));
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(at_statement));
        migrate(&mut connection).unwrap();
        AT_STATEMENT.set(None);
        let (whole, schema) = (rows(&connection, None), schema_of(&connection));
        let killed: Vec<PathBuf> =
            std::fs::read_dir(copies.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(killed.len() > 3 * (STEPS.len() - count), "{}", killed.len());
        for folder in killed {
            let mut again = open(&folder);
            migrate(&mut again).unwrap();
            assert_eq!(rows(&again, None), whole, "{}", folder.display());
            assert_eq!(schema_of(&again), schema, "{}", folder.display());
            check_whole(&again);
        }
    }
}

/// The files as they are on the disk while a statement runs, without the shared memory of the log,
/// which dies with the process.
fn copy_as_a_kill_leaves_it(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for name in ["db", "db-wal"] {
        if from.join(name).exists() {
            std::fs::copy(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// A step that fails leaves nothing of itself, and says so again at the next start.
#[test]
fn a_step_that_fails_leaves_nothing() {
    let (_folder, mut connection) = at_step(DIRECTORY_STEP);
    fill(&connection);
    // In the way of the second statement of a step after the next.
    connection.execute_batch("CREATE INDEX upstream_link_by_user ON account (nid)").unwrap();
    for _ in 0..2 {
        migrate(&mut connection).unwrap_err();
        assert_eq!(applied(&connection).unwrap(), 12);
        assert!(!tables(&connection).contains(&"upstream_link".to_owned()));
    }
    connection.execute_batch("DROP INDEX upstream_link_by_user").unwrap();
    migrate(&mut connection).unwrap();
    check_whole(&connection);
}

#[test]
fn a_schema_of_another_program_is_refused_and_left_alone() {
    let (_folder, mut connection) = at_step(STEPS.len());
    for version in [i64::try_from(STEPS.len()).unwrap() + 1, -1] {
        connection.pragma_update(None, "user_version", version).unwrap();
        let before = schema_of(&connection);
        let error = migrate(&mut connection).unwrap_err().to_string();
        assert!(error.contains(&format!("has schema {version},")), "{error}");
        assert!(error.contains("use a newer program"), "{error}");
        assert_eq!(schema_of(&connection), before);
        let version_now =
            strings(&connection, "SELECT user_version || '' FROM pragma_user_version");
        assert_eq!(version_now, [version.to_string()]);
    }
}

/// Two programs that start at once on one file both find it up to date.
#[test]
fn two_that_start_at_once_do_each_step_once() {
    for _ in 0..4 {
        let folder = tempfile::tempdir().unwrap();
        drop(open(folder.path()));
        std::thread::scope(|scope| {
            let start = || migrate(&mut open(folder.path()));
            let both = [scope.spawn(start), scope.spawn(start)];
            for one in both {
                one.join().unwrap().unwrap();
            }
        });
        check_whole(&open(folder.path()));
    }
}

// What the steps that change data make of it.

/// What was sent before there was a push queue is not pushed late.
#[test]
fn pushes_begin_after_what_there_was() {
    let (_folder, mut connection) = at_step(5);
    fill(&connection);
    migrate(&mut connection).unwrap();
    assert_eq!(strings(&connection, "SELECT pos || '' FROM push_progress"), ["1000"]);
}

/// Times that older events have are those by which they are found, in order or not.
#[test]
fn older_events_have_their_times() {
    let (_folder, mut connection) = at_step(21);
    for (nid, (room, ts)) in
        (1..).zip([(1, 50), (2, 10), (1, 40), (1, 50), (2, 20), (1, 60), (1, 55), (2, 5)])
    {
        let json = format!(r#"{{"origin_server_ts":{ts}}}"#);
        connection
            .execute(
                "INSERT INTO event (nid, room_nid, event_id, flags, json)
                 VALUES (?1, ?2, ?1, 0, ?3)",
                (nid, room, json),
            )
            .unwrap();
        connection.execute("INSERT INTO timeline VALUES (?1, ?2, 0)", (room, nid)).unwrap();
    }
    migrate(&mut connection).unwrap();
    let times = "SELECT nid || ' ' || ts || ' ' || behind FROM timeline ORDER BY nid";
    assert_eq!(
        strings(&connection, times),
        ["1 50 0", "2 10 0", "3 40 10", "4 50 0", "5 20 0", "6 60 0", "7 55 5", "8 5 15"]
    );
}

async fn search(store: &SqliteStore, text: &str) -> Vec<String> {
    let query = DirectoryQuery {
        text: text.into(),
        searcher: UserId::parse("@who:x.fr").unwrap(),
        visible_only: false,
        limit: 10,
        now_ms: 1,
    };
    let page = store.search_directory(query).await.unwrap();
    page.entries.iter().map(|entry| entry.user_id.to_string()).collect()
}

fn reopen(folder: &TempDir, connection: Connection) -> SqliteStore {
    drop(connection);
    let options = SqliteOptions::new(folder.path().join("db"));
    SqliteStore::open(&options, std::sync::Arc::new(Deaf)).unwrap()
}

/// Accounts that are older than the index of the directory are found; those that ended are not.
#[tokio::test]
async fn accounts_older_than_the_directory_are_found() {
    // Before the index had its present form, and after it was begun anew without them.
    for count in [3, DIRECTORY_STEP, OLDER_ACCOUNTS_STEP, TURNED_NAMES_STEP - 1] {
        let (folder, connection) = at_step(count);
        connection
            .execute_batch(
                r#"INSERT INTO account (nid, user_id, deactivated, locked, created_ts) VALUES
                    (1, '@helene:x.fr', 0, 0, 1), (2, '@gone:x.fr', 1, 0, 1),
                    (3, '@locked:x.fr', 0, 1, 1), (4, '@plain:x.fr', 0, 0, 1);
                INSERT INTO profile_field VALUES (1, 'displayname', '"Hélène Ségur"'),
                    (2, 'displayname', '"Gone Ségur"'), (3, 'displayname', '"Locked Ségur"');"#,
            )
            .unwrap();
        let store = reopen(&folder, connection);
        assert_eq!(search(&store, "segur").await, ["@helene:x.fr"], "{count}");
        assert_eq!(search(&store, "plain").await, ["@plain:x.fr"], "{count}");
        assert_eq!(search(&store, "gone").await, [""; 0], "{count}");
    }
}

/// More people than one piece holds are entered anew, and organisations with them, also where a
/// start was cut short between two pieces.
#[tokio::test]
async fn people_older_than_joined_names_are_found_by_them() {
    let (folder, mut connection) = at_step(JOINED_NAMES_STEP - 1);
    connection
        .execute_batch(
            r#"WITH RECURSIVE n(nid) AS (SELECT 1 UNION ALL SELECT nid + 1 FROM n WHERE nid < 4500)
            INSERT INTO account (nid, user_id, locked, created_ts)
                SELECT nid, '@u' || nid || ':x-y.fr', nid = 4499, 1 FROM n;
            INSERT INTO profile_field SELECT nid, 'displayname',
                CASE nid WHEN 1 THEN '"Zoé Martin"' WHEN 2 THEN '"Ada O´Hara"'
                    ELSE '"Paul' || nid || ' O''Brien"' END FROM account;
            INSERT INTO person (account_nid, email, organisation_id, organisation_name)
                SELECT nid, nid || '@x.fr', 'oise', 'Val-d''Oise' FROM account;
            INSERT INTO directory_organisation VALUES (7, 'oise val d');
            INSERT INTO directory_organisation_word VALUES ('oise', 7), ('val', 7), ('d', 7);
            INSERT INTO directory_entry SELECT nid,
                CASE nid WHEN 1 THEN 'zoe martin' WHEN 2 THEN 'ada o hara'
                    ELSE 'paul' || nid || ' o''brien' END,
                CASE nid WHEN 1 THEN 'zoe martin' WHEN 2 THEN 'ada o hara'
                    ELSE 'paul' || nid || ' o brien' END, 7, nid = 4499 FROM account;
            INSERT INTO directory_name SELECT words, account_nid FROM directory_entry
                WHERE hidden = 0;
            INSERT INTO directory_member SELECT 7, words, account_nid FROM directory_entry
                WHERE hidden = 0;"#,
        )
        .unwrap();
    migrate_to(&mut connection, JOINED_NAMES_STEP).unwrap();
    let left = || strings(&connection, "SELECT count(*) || '' FROM directory_stale");
    assert_eq!(left(), ["4499"], "whose name has nothing to join stays as it is");
    directory::enter_stale(&connection).unwrap();
    assert_eq!(left(), ["2499"], "one piece");
    let store = reopen(&folder, connection);
    for (typed, found) in [
        ("paul4498 obrien", vec!["@u4498:x-y.fr"]),
        ("obrien paul3", vec!["@u3:x-y.fr"]),
        ("ohara", vec!["@u2:x-y.fr"]),
        ("paul4500 valdoise", vec!["@u4500:x-y.fr"]),
        ("zoe valdoise", vec!["@u1:x-y.fr"]),
        ("paul4499 obrien", vec![]),
    ] {
        // `paul3` begins many names: the first is meant.
        let shown: Vec<_> =
            search(&store, typed).await.into_iter().take(found.len().max(1)).collect();
        assert_eq!(shown, found, "{typed}");
    }
    drop(store);
    assert_eq!(
        strings(&open(folder.path()), "SELECT account_nid || '' FROM directory_stale"),
        [""; 0]
    );
    let hidden = "SELECT joined FROM directory_entry WHERE account_nid = 4499";
    assert_eq!(strings(&open(folder.path()), hidden), ["paul4499 obrien"]);
}

/// Only browsers that a password let in have proven anything.
#[test]
fn browsers_that_a_provider_let_in_have_proven_nothing() {
    let (_folder, mut connection) = at_step(15);
    connection
        .execute_batch(
            "INSERT INTO browser_session VALUES
                (x'01', '@a:x.fr', 10, 20, 30), (x'02', '@b:x.fr', 11, 21, 31);
             INSERT INTO upstream_session VALUES (x'02', 'p', 's', NULL, 't', 31);",
        )
        .unwrap();
    migrate(&mut connection).unwrap();
    let proven = "SELECT user_id || ' ' || proven_ts FROM browser_session ORDER BY user_id";
    assert_eq!(strings(&connection, proven), ["@a:x.fr 10", "@b:x.fr 0"]);
}

/// Whom an administrator ended does not come back by the mailbox; who ended the account that an
/// administrator had given back does; nobody who is there is marked.
#[tokio::test]
async fn the_audit_log_tells_who_ended_an_account() {
    let cases: [(&str, bool, &[&str], bool); 8] = [
        ("@owner:x.fr", true, &[], true),
        ("@owner2:x.fr", true, &["account.create", "account.lock"], true),
        ("@admin:x.fr", true, &["account.deactivate"], false),
        ("@erased:x.fr", true, &["account.erase"], false),
        ("@back:x.fr", true, &["account.deactivate", "account.reactivate"], true),
        (
            "@again:x.fr",
            true,
            &["account.deactivate", "account.reactivate", "account.deactivate"],
            false,
        ),
        ("@lapsed:x.fr", true, &["account.lapse"], true),
        ("@here:x.fr", false, &["account.deactivate", "account.reactivate"], false),
    ];
    let (folder, connection) = at_step(22);
    for (nid, (user_id, deactivated, acts, _)) in (1_i64..).zip(cases) {
        connection
            .execute(
                "INSERT INTO account (nid, user_id, deactivated, created_ts) VALUES (?1, ?2, ?3, 1)",
                (nid, user_id, deactivated),
            )
            .unwrap();
        for act in acts {
            connection
                .execute(
                    "INSERT INTO audit (ts, actor, act, subject, details, sha256)
                     VALUES (1, 'cli', ?1, ?2, '{}', x'00')",
                    (act, user_id),
                )
                .unwrap();
        }
    }
    let store = reopen(&folder, connection);
    for (user_id, deactivated, _, may_come_back) in cases {
        let person = store.person(&UserId::parse(user_id).unwrap()).await.unwrap().unwrap();
        assert_eq!(person.may_come_back(), may_come_back, "{user_id}");
        assert!(deactivated || !person.closed_by_admin, "{user_id}");
    }
}

/// Who had an address before that was written down has it since the account was made.
#[tokio::test]
async fn an_address_is_as_old_as_its_account_where_nothing_else_is_known() {
    let (folder, connection) = at_step(OLDER_ACCOUNTS_STEP + 1);
    connection
        .execute_batch(
            "INSERT INTO account (nid, user_id, created_ts) VALUES (1, '@a:x.fr', 7);
             INSERT INTO person (account_nid, email) VALUES (1, 'a@x.fr');",
        )
        .unwrap();
    let store = reopen(&folder, connection);
    let person = store.person_by_email("a@x.fr").await.unwrap().unwrap();
    assert_eq!(person.email_since_ms, 7);
}

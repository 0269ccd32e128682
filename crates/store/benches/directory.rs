// SPDX-License-Identifier: Apache-2.0
//! What a search in the user directory costs among a million people.
//!
//! `cargo bench -p estafette-store --bench directory [-- FOLDER [PEOPLE]]` prints one line per kind
//! of search. The people are written to the tables at once, as making them one by one takes an
//! hour; the last ones are made by the store, and both must be found in the same way.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that fails may stop"
)]

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use estafette_core::{
    directory::{fold, joined_words, words},
    ids::UserId,
};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{DirectoryPage, DirectoryQuery, NewAccount},
    fact::NoSink,
    people::PersonDetails,
    sqlite::{SqliteOptions, SqliteStore},
};

const PEOPLE: u64 = 1_000_000;
/// Made by the store itself.
const MADE: u64 = 200;
const SEARCHES: u64 = 1_000;
const ORGANISATIONS: u64 = 300;
const SURNAMES: u64 = 150_000;

/// The most frequent given names, frequent first.
const GIVEN: [&str; 48] = [
    "Marie",
    "Jean",
    "Nathalie",
    "Philippe",
    "Isabelle",
    "Nicolas",
    "Sylvie",
    "Christophe",
    "Catherine",
    "Laurent",
    "Christine",
    "Stéphane",
    "Sandrine",
    "Thierry",
    "Céline",
    "Frédéric",
    "Valérie",
    "Éric",
    "Stéphanie",
    "Pascal",
    "Véronique",
    "David",
    "Aurélie",
    "Julien",
    "Sophie",
    "Olivier",
    "Anne",
    "Sébastien",
    "Émilie",
    "Pierre",
    "Élodie",
    "Patrick",
    "Julie",
    "François",
    "Caroline",
    "Thomas",
    "Virginie",
    "Alexandre",
    "Hélène",
    "Guillaume",
    "Jean-Pierre",
    "Camille",
    "Mickaël",
    "Anne-Sophie",
    "Loïc",
    "Zoé",
    "Maëlys",
    "Gwenaël",
];
const SYLLABLES: [&str; 40] = [
    "mar", "tin", "du", "pont", "ber", "nard", "ro", "bert", "ri", "chard", "le", "roy", "mo",
    "reau", "si", "mon", "lau", "rent", "mi", "chel", "gar", "cia", "da", "vid", "ber", "trand",
    "roux", "vin", "cent", "four", "nier", "gi", "rard", "bon", "net", "fran", "çois", "mer",
    "cier", "blanc",
];

/// A reproducible number for `n`.
fn scatter(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Small numbers far more often than great ones, as names and organisations are spread.
fn skewed(seed: u64, below: u64) -> u64 {
    let unit = (scatter(seed) >> 11) as f64 / (1_u64 << 53) as f64;
    ((below as f64).powf(unit) - 1.0) as u64
}

fn surname(number: u64) -> String {
    let mut name = String::new();
    let mut rest = scatter(number + 77);
    for _ in 0..2 + number % 3 {
        name.push_str(SYLLABLES[(rest % 40) as usize]);
        rest /= 40;
    }
    let mut letters = name.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

struct Somebody {
    user_id: String,
    given: String,
    surname: String,
    name: String,
    email: String,
    organisation: u64,
}

fn somebody(n: u64) -> Somebody {
    let given = GIVEN[skewed(n * 3, 48) as usize].to_owned();
    let surname = surname(skewed(n * 3 + 1, SURNAMES));
    let organisation = skewed(n * 3 + 2, ORGANISATIONS);
    Somebody {
        user_id: format!("@{:012x}:example.org", scatter(n) >> 16),
        name: format!("{given} {surname} [Org{organisation}]"),
        email: format!("{}.{}.{n}@org{organisation}.gouv.fr", fold(&given), fold(&surname)),
        given,
        surname,
        organisation,
    }
}

fn details(who: &Somebody) -> PersonDetails {
    PersonDetails {
        email: Some(who.email.clone()),
        organisation_id: Some(format!("org{}", who.organisation)),
        organisation_name: Some(format!("Ministère numéro {}", who.organisation)),
        ..PersonDetails::default()
    }
}

/// What the index has of somebody: each word, what follows it and what stands before it, and the
/// same of the joined words that are no words by themselves.
fn turns(all: &[&str], whole: &[&str]) -> Vec<Box<str>> {
    let mut turns = Vec::new();
    for (words, joined) in [(all, false), (whole, true)] {
        for (first, word) in words.iter().enumerate() {
            if joined && all.contains(word) {
                continue;
            }
            let turned = words.iter().cycle().skip(first).take(words.len()).copied();
            let turned: String = turned.collect::<Vec<_>>().join(" ").chars().take(40).collect();
            turns.push(turned.into_boxed_str());
        }
    }
    turns
}

/// Each word once.
fn distinct(words: &mut Vec<&str>) {
    let mut seen = HashSet::new();
    words.retain(|word| seen.insert(*word));
}

/// Writes the turns of everybody, each table in its order.
fn write_index(conn: &rusqlite::Connection, index: &mut [(Box<str>, i64, i64)]) {
    index.sort_unstable();
    let mut turned = conn.prepare("INSERT INTO directory_name VALUES (?1, ?2)").unwrap();
    for (text, _, nid) in &*index {
        turned.execute((&**text, nid)).unwrap();
    }
    index.sort_unstable_by(|a, b| (a.1, &a.0, a.2).cmp(&(b.1, &b.0, b.2)));
    let mut member = conn.prepare("INSERT INTO directory_member VALUES (?1, ?2, ?3)").unwrap();
    for (text, organisation, nid) in &*index {
        member.execute((organisation, &**text, nid)).unwrap();
    }
}

/// Writes people as the store would, all in one transaction and each table in its order.
fn fill(path: &Path, people: u64) {
    let conn = rusqlite::Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA synchronous=OFF; PRAGMA cache_size=-400000; BEGIN").unwrap();
    let mut index = Vec::new();
    let mut account =
        conn.prepare("INSERT INTO account (nid, user_id, created_ts) VALUES (?1, ?2, 0)").unwrap();
    let mut profile =
        conn.prepare("INSERT INTO profile_field VALUES (?1, 'displayname', ?2)").unwrap();
    let mut person = conn
        .prepare(
            "INSERT INTO person (account_nid, email, organisation_id, organisation_name)
                  VALUES (?1, ?2, ?3, ?4)",
        )
        .unwrap();
    let mut called = HashSet::new();
    let mut organisation =
        conn.prepare("INSERT INTO directory_organisation VALUES (?1, ?2)").unwrap();
    let mut organisation_word =
        conn.prepare("INSERT INTO directory_organisation_word VALUES (?1, ?2)").unwrap();
    let mut entry = conn
        .prepare(
            "INSERT INTO directory_entry
                 (account_nid, name, words, joined, organisation_nid, hidden)
                  VALUES (?1, ?2, ?3, ?4, ?5, 0)",
        )
        .unwrap();
    for n in 1..=people {
        let who = somebody(n);
        let details = details(&who);
        let folded = fold(&who.name);
        // As the store has it: the organisation in brackets is left to the organisation unless its
        // name has none of the words.
        let name = folded.rsplit_once('[').unwrap().0;
        let mut all: Vec<&str> = words(name).collect();
        distinct(&mut all);
        let organisation_nid = who.organisation as i64 + 1;
        if called.insert(organisation_nid) {
            let text = fold(&format!("org{} Ministère numéro {0}", who.organisation));
            let text: Vec<&str> = words(&text).collect();
            organisation.execute((organisation_nid, text.join(" "))).unwrap();
            for word in text {
                organisation_word.execute((word, organisation_nid)).unwrap();
            }
        }
        account.execute((n as i64, &who.user_id)).unwrap();
        profile.execute((n as i64, format!("\"{}\"", who.name))).unwrap();
        person
            .execute((
                n as i64,
                &details.email,
                &details.organisation_id,
                &details.organisation_name,
            ))
            .unwrap();
        let whole: Vec<String> = joined_words(name).collect();
        let mut whole: Vec<&str> = whole.iter().map(String::as_str).collect();
        distinct(&mut whole);
        let joined = (whole != all).then(|| whole.join(" "));
        entry.execute((n as i64, &folded, all.join(" "), joined, organisation_nid)).unwrap();
        for turned in turns(&all, &whole) {
            index.push((turned, organisation_nid, n as i64));
        }
    }
    write_index(&conn, &mut index);
    conn.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

async fn make(store: &SqliteStore, n: u64) {
    let who = somebody(n);
    let account = NewAccount {
        user_id: UserId::parse(&who.user_id).unwrap(),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some(who.name.clone()),
        registration_token: None,
        login: None,
        now_ms: 0,
    };
    store.create_person(account, details(&who)).await.unwrap();
}

async fn search(store: &SqliteStore, searcher: &UserId, text: &str) -> DirectoryPage {
    let query = DirectoryQuery {
        text: text.to_owned(),
        searcher: searcher.clone(),
        visible_only: false,
        limit: 10,
        now_ms: 1,
    };
    store.search_directory(query).await.unwrap()
}

/// What people type, by kind.
fn kinds() -> Vec<(&'static str, fn(&Somebody, u64) -> String)> {
    vec![
        ("one letter", |who, _| who.surname.chars().take(1).collect()),
        ("two letters", |who, _| who.surname.chars().take(2).collect()),
        ("three letters", |who, _| who.surname.chars().take(3).collect()),
        ("given name", |who, _| who.given.clone()),
        ("surname", |who, _| who.surname.clone()),
        ("given name and a letter", |who, _| {
            format!("{} {}", who.given, who.surname.chars().take(1).collect::<String>())
        }),
        ("given name, surname", |who, _| format!("{} {}", who.given, who.surname)),
        ("surname, given name", |who, _| format!("{} {}", who.surname, who.given)),
        ("two letters each", |who, _| {
            let two = |text: &str| text.chars().take(2).collect::<String>();
            format!("{} {}", two(&who.surname), two(&who.given))
        }),
        ("given name as one word", |who, _| who.given.replace('-', "")),
        ("the same, with the surname", |who, _| {
            format!("{} {}", who.surname, who.given.replace('-', ""))
        }),
        ("organisation", |who, _| format!("org{}", who.organisation)),
        ("organisation, given name", |who, _| format!("org{} {}", who.organisation, who.given)),
        ("organisation, any, name", |who, _| {
            let three = who.surname.chars().take(3).collect::<String>();
            format!("ministere {three} {}", who.given)
        }),
        ("two common words, nobody", |who, _| format!("ministere {} jean-pierre zoe", who.given)),
        ("nobody", |_, n| format!("xq{n}zw")),
        ("e-mail address", |who, _| who.email.clone()),
        ("e-mail address of nobody", |who, _| format!("x{}", who.email)),
    ]
}

/// Processor time of this process so far, in ms: the figure that depends least on its neighbours.
fn processor_ms() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    // Fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) * 10.0
}

fn report(kind: &str, mut times: Vec<Duration>, found: usize, missed: usize, processor_ms: f64) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!(
        "{kind:26} p50 {:6.2}  p95 {:6.2}  p99 {:6.2}  max {:6.2}  cpu {:6.3} ms  {:4.1} found, \
         {missed} without any",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0),
        processor_ms / times.len() as f64,
        found as f64 / times.len() as f64
    );
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let folder = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let people = arguments.next().map_or(PEOPLE, |count| count.parse().unwrap());
    let folder = tempfile::tempdir_in(folder).unwrap();
    let path = folder.path().join("directory.db");
    let open = || SqliteStore::open(&SqliteOptions::new(&path), Arc::new(NoSink)).unwrap();
    drop(open());
    let begun = Instant::now();
    fill(&path, people - MADE);
    let store = open();
    for n in people - MADE + 1..=people {
        make(&store, n).await;
    }
    let bytes = std::fs::metadata(&path).unwrap().len();
    println!("{people} people in {:.0} s, {} MiB", begun.elapsed().as_secs_f64(), bytes >> 20);
    let searcher = UserId::parse("@searcher:example.org").unwrap();
    for n in [1, people / 2, people] {
        let who = somebody(n);
        let page = search(&store, &searcher, &who.email).await;
        assert_eq!(page.entries[0].user_id.as_str(), who.user_id);
        let page = search(&store, &searcher, &format!("{} {}", who.surname, who.given)).await;
        assert!(!page.entries.is_empty(), "{} is not found by the name", who.name);
    }
    let (mut all, before_all) = (Vec::new(), processor_ms());
    for (kind, text) in kinds() {
        let (mut times, before) = (Vec::new(), processor_ms());
        let (mut found, mut missed) = (0, 0);
        for n in 0..SEARCHES {
            let text = text(&somebody(1 + scatter(n) % people), n);
            let begun = Instant::now();
            let entries = search(&store, &searcher, &text).await.entries.len();
            times.push(begun.elapsed());
            found += entries;
            missed += usize::from(entries == 0);
        }
        all.extend(times.iter().copied());
        report(kind, times, found, missed, processor_ms() - before);
    }
    let all_ms = processor_ms() - before_all;
    report("all", all, 0, 0, all_ms);
}

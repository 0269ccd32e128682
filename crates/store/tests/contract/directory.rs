// SPDX-License-Identifier: Apache-2.0
//! Without these somebody among many would not be found by the name, or by what nobody knows.

use estafette_core::ids::UserId;
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{DirectoryQuery, NewAccount},
    people::{CreatePersonOutcome, PersonDetails},
};

use futures_util::StreamExt as _;

use crate::world::{World, user};

/// More than one search looks at.
const MANY: usize = 4_100;

async fn add(world: &World, id: &str, name: &str, organisation: (&str, &str)) {
    let account = NewAccount {
        user_id: user(id),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some(name.into()),
        registration_token: None,
        login: None,
        now_ms: 0,
    };
    let details = PersonDetails {
        email: Some(format!("{}@x.fr", &id[1..id.len() - 2])),
        organisation_id: Some(organisation.0.into()),
        organisation_name: Some(organisation.1.into()),
        ..PersonDetails::default()
    };
    let outcome = world.store.create_person(account, details).await.unwrap();
    assert_eq!(outcome, CreatePersonOutcome::Created);
}

async fn find(world: &World, searcher: &UserId, text: &str) -> (Vec<String>, bool) {
    let query = DirectoryQuery {
        text: text.into(),
        searcher: searcher.clone(),
        visible_only: false,
        limit: 10,
        now_ms: 1,
    };
    let page = world.store.search_directory(query).await.unwrap();
    (page.entries.into_iter().map(|entry| entry.user_id.to_string()).collect(), page.limited)
}

/// Without it nobody finds a Jean of the ministry of culture where there are more people called
/// Jean, and more people of culture, than one search looks at.
#[tokio::test]
async fn who_shares_every_word_with_thousands_is_found() {
    let world = World::new();
    let interior = ("interieur", "Ministère de l'Intérieur");
    let culture = ("culture", "Ministère de la Culture");
    let everybody = futures_util::stream::iter(0..MANY).map(async |n| {
        add(&world, &format!("@{n}a:x"), &format!("Jean Berger{n} [Intérieur]"), interior).await;
        add(&world, &format!("@{n}b:x"), &format!("Anne Colin{n} [Culture]"), culture).await;
    });
    everybody.buffer_unordered(100).collect::<()>().await;
    let me = user("@1a:x");
    add(&world, "@zola:x", "Jean Zola [Culture]", culture).await;
    add(&world, "@zuber:x", "Jean-Marc Anne [Intérieur]", interior).await;
    for typed in [
        "jean culture",
        "culture jean",
        "Jean [Culture]",
        "jean ministère de la culture",
        "je cul",
        "j culture",
    ] {
        assert_eq!(find(&world, &me, typed).await.0, ["@zola:x"], "{typed}");
    }
    for typed in ["anne jean", "jean anne", "jea an", "je anne interieur", "interieur an"] {
        assert_eq!(find(&world, &me, typed).await.0, ["@zuber:x"], "{typed}");
    }
    let (found, limited) = find(&world, &me, "anne zola").await;
    assert_eq!((found.len(), limited), (0, false), "a rare word tells for certain");
}

/// Without it whoever types the beginning of a name meets people who have nothing to do with it,
/// because the id that was drawn for them begins so.
#[tokio::test]
async fn a_drawn_localpart_is_found_whole_alone() {
    let world = World::new();
    let dinum = ("dinum", "Direction du numérique");
    add(&world, "@je7k2mq:x", "Paul Durand", dinum).await;
    add(&world, "@me:x", "Moi", dinum).await;
    let bot = world.add_account("@veille-bot:x").await;
    world.store.set_profile_field(&bot, "displayname", Some("\"Journal\"")).await.unwrap();
    let me = user("@me:x");
    for typed in ["j", "je", "je7k2m", "je dinum", "@je7k2mq:y"] {
        let found = find(&world, &me, typed).await.0;
        assert!(!found.contains(&"@je7k2mq:x".to_owned()), "{typed}: {found:?}");
    }
    for typed in ["je7k2mq", "@je7k2mq", "@je7k2mq:x", " je7k2mq "] {
        assert_eq!(find(&world, &me, typed).await.0, ["@je7k2mq:x"], "{typed}");
    }
    for typed in ["veil", "bot", "jour", "journal bot"] {
        assert_eq!(
            find(&world, &me, typed).await.0,
            ["@veille-bot:x"],
            "{typed}: chosen, not drawn"
        );
    }
}

/// Without it nobody finds O'Brien, d'Aubigné or Jean-Pierre who leaves out what is hard to type, or
/// has another apostrophe on the keyboard.
#[tokio::test]
async fn a_name_of_several_parts_is_one_word_too() {
    let world = World::new();
    let oise = ("prefecture-95", "Préfecture du Val-d'Oise");
    let dinum = ("dinum", "Direction du numérique");
    add(&world, "@obrien:x", "Mary O'Brien [Val-d'Oise]", oise).await;
    add(&world, "@aubigne:x", "Théodore d’Aubigné", dinum).await;
    add(&world, "@jp:x", "Jean-Pierre O´Hara-Martin", dinum).await;
    add(&world, "@jpierre:x", "Jeanpierre Durand", dinum).await;
    add(&world, "@me:x", "Moi", dinum).await;
    let bot = world.add_account("@veille-bot:x").await;
    let me = user("@me:x");
    for (typed, expected) in [
        ("obrien", "@obrien:x"),
        ("obri", "@obrien:x"),
        ("O’Brien", "@obrien:x"),
        ("o'brien mary", "@obrien:x"),
        ("mary obrien", "@obrien:x"),
        ("brien", "@obrien:x"),
        ("obrien valdoise", "@obrien:x"),
        ("mary val-d’oise", "@obrien:x"),
        ("prefecture95 brien", "@obrien:x"),
        ("daubigne", "@aubigne:x"),
        ("d'aubigne", "@aubigne:x"),
        ("aubigne", "@aubigne:x"),
        ("theodore daubigné dinum", "@aubigne:x"),
        ("ohara jeanpierre", "@jp:x"),
        ("jeanpierre oharamartin", "@jp:x"),
        ("jeanpierre martin", "@jp:x"),
        ("hara pierre", "@jp:x"),
        ("jean ohara", "@jp:x"),
        ("Jean-Pierre Durand", "@jpierre:x"),
        ("durand jean-p", "@jpierre:x"),
        ("veillebot", bot.as_str()),
        ("bot", bot.as_str()),
    ] {
        assert_eq!(find(&world, &me, typed).await.0, [expected], "{typed}");
    }
    for typed in ["jeanpierre", "jean-pierre"] {
        let mut found = find(&world, &me, typed).await.0;
        found.sort();
        assert_eq!(found, ["@jp:x", "@jpierre:x"], "{typed}");
    }
    assert_eq!(find(&world, &me, "pierre").await.0, ["@jp:x"]);
    // Whoever changes the name or leaves is not found by what was joined.
    world.store.set_profile_field(&user("@jp:x"), "displayname", Some("\"Jules\"")).await.unwrap();
    world.store.deactivate_account(&user("@obrien:x"), false, 1).await.unwrap();
    assert_eq!(find(&world, &me, "jeanpierre").await.0, ["@jpierre:x"]);
    for typed in ["ohara", "obrien", "valdoise"] {
        assert_eq!(find(&world, &me, typed).await.0, [""; 0], "{typed}");
    }
}

/// Without it nobody finds a Jeanpierre Martin by both names where thousands share each.
#[tokio::test]
async fn joined_words_that_thousands_share_are_found_together() {
    let world = World::new();
    let dinum = ("dinum", "Direction du numérique");
    let everybody = futures_util::stream::iter(0..MANY).map(async |n| {
        add(&world, &format!("@{n}a:x"), &format!("Jean-Pierre Berger{n}"), dinum).await;
        add(&world, &format!("@{n}b:x"), &format!("Anne{n} O'Brien"), dinum).await;
    });
    everybody.buffer_unordered(100).collect::<()>().await;
    add(&world, "@both:x", "Jean-Pierre O'Brien", dinum).await;
    let me = user("@1a:x");
    for typed in ["jeanpierre obrien", "obrien jeanpierre", "jean obrien", "brien jean pierre"] {
        assert_eq!(find(&world, &me, typed).await.0, ["@both:x"], "{typed}");
    }
}

/// Without it an organisation that nobody belongs to any more would be looked into for ever, and
/// somebody who moved would be found in the one before.
#[tokio::test]
async fn an_organisation_is_known_as_long_as_somebody_is_in_it() {
    let world = World::new();
    add(&world, "@me:x", "Moi", ("dinum", "Direction du numérique")).await;
    add(&world, "@a:x", "Alice", ("culture", "Ministère de la Culture")).await;
    assert_eq!(world.count("directory_organisation"), 2);
    let mut details = world.store.person(&user("@a:x")).await.unwrap().unwrap().details;
    (details.organisation_id, details.organisation_name) = (Some("dinum".into()), None);
    world.store.put_person(&user("@a:x"), details).await.unwrap();
    let me = user("@me:x");
    assert_eq!(find(&world, &me, "culture").await.0, Vec::<String>::new());
    assert_eq!(find(&world, &me, "alice dinum").await.0, ["@a:x"]);
    assert_eq!(world.count("directory_organisation_word"), 5, "dinum and its name, dinum alone");
    world.store.deactivate_account(&user("@a:x"), false, 1).await.unwrap();
    assert_eq!(world.count("directory_organisation"), 1);
    assert_eq!(world.count("directory_name"), 1);
    assert_eq!(world.count("directory_member"), 1);
}

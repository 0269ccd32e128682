// SPDX-License-Identifier: Apache-2.0
//! Without these a password that the pages refuse would be taken by the API, and a thief would be
//! alone in knowing what was done.

use std::{collections::HashMap, sync::Arc};

use async_trait::async_trait;
use estafette_core::ids::{DeviceId, UserId};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::AccountFlag,
    people::{AdminAct, AuditEntry, PersonDetails, Placement},
};
use http::StatusCode;
use parking_lot::Mutex;
use serde_json::{Value, json};

use super::{AccountNews, People, RenewalMail};
use crate::{
    ApiResult,
    administration::administer,
    testing::{PASSWORD, TestServer},
};

const EASY: &str = "aaaaaaaa";
const GOOD: &str = "ocean lantern granite violin";

/// Finds passwords of one letter easy, and keeps what it was to tell.
#[derive(Default)]
pub(crate) struct Known {
    told: Mutex<Vec<(String, AccountNews)>>,
    /// Who asked for the mail that renews.
    pub(crate) renewals: Mutex<Vec<UserId>>,
    /// What became of that; nothing: no mail is sent.
    pub(crate) renewal: Mutex<Option<RenewalMail>>,
    /// When accounts that are renewed now end.
    pub(crate) next_expiry_ms: Mutex<Option<i64>>,
    /// Whose sessions ended because somebody may have a copy.
    pub(crate) reuses: Mutex<Vec<(UserId, DeviceId)>>,
    /// Who can prove on pages who they are.
    pub(crate) on_pages: Mutex<Vec<UserId>>,
    /// Where they are renewed.
    pub(crate) renewal_page: Mutex<Option<String>>,
}

#[async_trait]
impl People for Known {
    fn password_weakness(&self, password: &str, email: &str) -> Option<String> {
        let easy = password.chars().all(|c| password.starts_with(c));
        easy.then(|| format!("Too easy for {email}."))
    }

    async fn tell(&self, email: &str, news: AccountNews) {
        self.told.lock().push((email.to_owned(), news));
    }

    async fn tell_of_reuse(&self, user_id: &UserId, device_id: &DeviceId) {
        self.reuses.lock().push((user_id.clone(), device_id.clone()));
    }

    async fn mail_renewal(&self, user_id: &UserId) -> ApiResult<RenewalMail> {
        self.renewals.lock().push(user_id.clone());
        Ok(self.renewal.lock().unwrap_or(RenewalMail::NoMail))
    }

    fn next_expiry_ms(&self) -> Option<i64> {
        *self.next_expiry_ms.lock()
    }

    fn borrowed_label(&self, name: &str, own: Option<&str>) -> Option<String> {
        (name.contains("[Intérieur]") && own != Some("interieur")).then(|| "Intérieur".into())
    }

    async fn may_prove(&self, user_id: &UserId) -> ApiResult<bool> {
        Ok(self.on_pages.lock().contains(user_id))
    }

    fn renewal_page(&self) -> Option<String> {
        self.renewal_page.lock().clone()
    }
}

impl Known {
    fn take(&self) -> Vec<(String, AccountNews)> {
        std::mem::take(&mut *self.told.lock())
    }
}

/// Alice is a person, `bot` is not, `root` administers.
async fn start() -> World {
    let server = TestServer::start().await;
    let known = Arc::<Known>::default();
    assert!(server.server.people.set(Arc::clone(&known) as _).is_ok());
    let alice = server.register("alice").await;
    let (bot, root) = (server.register("bot").await, server.register("root").await);
    let tokens = [("@alice:x.fr", alice), ("@bot:x.fr", bot), ("@root:x.fr", root)];
    let root = UserId::parse("@root:x.fr").unwrap();
    server.server.store.set_account_flag(&root, AccountFlag::Admin, true).await.unwrap();
    let details = PersonDetails { email: Some("alice@x.fr".into()), ..PersonDetails::default() };
    let alice = UserId::parse("@alice:x.fr").unwrap();
    server.server.store.put_person(&alice, details).await.unwrap();
    known.take();
    World { server, known, tokens: tokens.into() }
}

struct World {
    server: TestServer,
    known: Arc<Known>,
    tokens: HashMap<&'static str, String>,
}

impl World {
    async fn ask(&self, method: &str, path: &str, user: &str, body: Value) -> (StatusCode, Value) {
        let token = self.tokens.get(user).map_or("", String::as_str);
        self.server.request(method, path, token, body).await
    }
}

fn change(localpart: &str, from: &str, to: &str) -> Value {
    json!({ "new_password": to, "logout_devices": false, "auth": {
        "type": "m.login.password", "password": from,
        "identifier": { "type": "m.id.user", "user": localpart },
    }})
}

fn told(news: AccountNews) -> Vec<(String, AccountNews)> {
    vec![("alice@x.fr".into(), news)]
}

#[tokio::test]
async fn people_choose_no_easy_password_whoever_sets_it_and_hear_of_a_new_one() {
    let world = start().await;
    let known = &world.known;
    let own = "/v3/account/password";
    let reset = "/_synapse/admin/v1/reset_password/@alice:x.fr";
    let put = "/_synapse/admin/v2/users/@alice:x.fr";
    let weak = json!("M_WEAK_PASSWORD");
    for (method, path, user, body) in [
        ("POST", own, "@alice:x.fr", change("alice", PASSWORD, EASY)),
        ("POST", reset, "@root:x.fr", json!({ "new_password": EASY })),
        ("PUT", put, "@root:x.fr", json!({ "password": EASY })),
    ] {
        let (status, answer) = world.ask(method, path, user, body).await;
        assert_eq!((status, &answer["errcode"]), (StatusCode::BAD_REQUEST, &weak), "{path}");
        assert_eq!(answer["error"], "Too easy for alice@x.fr.");
    }
    assert_eq!(known.take(), [], "nothing was done");
    let body = change("alice", PASSWORD, GOOD);
    assert_eq!(world.ask("POST", own, "@alice:x.fr", body).await.0, StatusCode::OK);
    assert_eq!(known.take(), told(AccountNews::PasswordChanged));
    for (method, path, body) in [
        ("POST", reset, json!({ "new_password": GOOD, "logout_devices": false })),
        ("PUT", put, json!({ "password": GOOD, "logout_devices": false })),
    ] {
        assert!(world.ask(method, path, "@root:x.fr", body).await.0.is_success());
        assert_eq!(known.take(), told(AccountNews::PasswordChanged), "{path}");
    }
}

#[tokio::test]
async fn whoever_has_no_address_keeps_the_plain_rule() {
    // Otherwise bots, tools and open registration would stop working with identity beside them.
    let world = start().await;
    let known = &world.known;
    let body = change("bot", PASSWORD, EASY);
    let answer = world.ask("POST", "/v3/account/password", "@bot:x.fr", body).await;
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    let new = json!({ "username": "carol", "password": EASY, "auth": { "type": "m.login.dummy" } });
    assert_eq!(world.ask("POST", "/v3/register", "", new).await.0, StatusCode::OK);
    let made = json!({ "password": EASY });
    let path = "/_synapse/admin/v2/users/@dave:x.fr";
    assert!(world.ask("PUT", path, "@root:x.fr", made).await.0.is_success());
    assert_eq!(known.take(), []);
}

#[tokio::test]
async fn a_new_device_an_address_and_the_end_are_told_to_the_mailbox_that_it_was() {
    let world = start().await;
    let known = &world.known;
    world.server.login("alice", "FIRST").await;
    assert_eq!(known.take(), [], "the account is being set up");
    world.server.clock.advance(60 * 60 * 1000);
    world.server.login("alice", "NEW").await;
    assert_eq!(known.take(), told(AccountNews::NewDevice));
    world.server.login("alice", "NEW").await;
    assert_eq!(known.take(), [], "a device that is known signs in again");
    world.server.login("bot", "NEW").await;
    assert_eq!(known.take(), [], "there is nobody to tell");

    let alice = UserId::parse("@alice:x.fr").unwrap();
    let act = async |act| {
        let entry = AuditEntry { actor: "operator".into(), reason: None, now_ms: 1 };
        administer(&world.server.server, entry, Some(&alice), vec![act]).await.unwrap()
    };
    let placement = Placement { email: "new@x.fr".into(), ..Placement::default() };
    act(AdminAct::SetAddress(Box::new(placement.clone()))).await;
    assert_eq!(known.take(), told(AccountNews::AddressSet), "the old one");
    act(AdminAct::SetAddress(Box::new(placement))).await;
    assert_eq!(known.take(), [], "it is the same");
    act(AdminAct::Deactivate(true)).await;
    assert_eq!(known.take(), [("new@x.fr".to_owned(), AccountNews::Deactivated)]);
    act(AdminAct::Deactivate(true)).await;
    assert_eq!(known.take(), [], "it has ended already");
}

#[tokio::test]
async fn whoever_ends_their_own_account_is_told() {
    let world = start().await;
    let known = &world.known;
    let auth = change("alice", PASSWORD, "")["auth"].clone();
    let body = json!({ "auth": auth, "erase": true });
    let answer = world.ask("POST", "/v3/account/deactivate", "@alice:x.fr", body).await;
    assert_eq!(answer.0, StatusCode::OK, "{}", answer.1);
    assert_eq!(known.take(), told(AccountNews::Deactivated));
}

#[tokio::test]
async fn nobody_bears_the_label_of_an_organisation_that_is_not_theirs() {
    // Otherwise an account made with a token is found in the directory as somebody of a ministry.
    let world = start().await;
    let label = json!({ "displayname": "Jean Martin [Intérieur]" });
    let (profile, admin) = ("/v3/profile/@bot:x.fr/displayname", "/_synapse/admin/v2/users/");
    let put = async |path: &str, user: &str, body: &Value| {
        world.ask("PUT", path, user, body.clone()).await
    };
    for (path, user) in [
        (profile, "@bot:x.fr"),
        (profile, "@root:x.fr"),
        (&*format!("{admin}@bot:x.fr"), "@root:x.fr"),
        (&*format!("{admin}@new:x.fr"), "@root:x.fr"),
    ] {
        let (status, answer) = put(path, user, &label).await;
        assert_eq!((status, &answer["errcode"]), (StatusCode::FORBIDDEN, &json!("M_FORBIDDEN")));
        assert!(answer["error"].as_str().unwrap().contains("people of Intérieur"), "{answer}");
    }
    let (status, shown) = world.ask("GET", profile, "@root:x.fr", json!({})).await;
    assert_ne!(shown["displayname"], label["displayname"], "{status}");
    let own = json!({ "displayname": "Jean Martin [ops]" });
    assert_eq!(put(profile, "@bot:x.fr", &own).await.0, StatusCode::OK);
    // Nor in one room.
    let (_, room) = world.ask("POST", "/v3/createRoom", "@bot:x.fr", json!({})).await;
    let room = room["room_id"].as_str().unwrap();
    let path = format!("/v3/rooms/{room}/state/m.room.member/@bot:x.fr");
    let member = |name: &str| json!({ "membership": "join", "displayname": name });
    let (status, _) = put(&path, "@bot:x.fr", &member("Jean Martin [Intérieur]")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(put(&path, "@bot:x.fr", &member("Jean")).await.0, StatusCode::OK);
    // Whoever is of it bears it.
    let bot = UserId::parse("@bot:x.fr").unwrap();
    let organisation_id = Some("interieur".to_owned());
    let details = PersonDetails { organisation_id, ..PersonDetails::default() };
    world.server.server.store.put_person(&bot, details).await.unwrap();
    assert_eq!(put(profile, "@bot:x.fr", &label).await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_guest_is_made_no_administrator_by_the_api() {
    // Otherwise somebody from outside administers the server.
    let world = start().await;
    let bot = UserId::parse("@bot:x.fr").unwrap();
    let details = PersonDetails { guest: true, ..PersonDetails::default() };
    world.server.server.store.put_person(&bot, details).await.unwrap();
    for path in ["/_synapse/admin/v2/users/@bot:x.fr", "/_synapse/admin/v1/users/@bot:x.fr/admin"] {
        let (status, _) = world.ask("PUT", path, "@root:x.fr", json!({ "admin": true })).await;
        assert_eq!(status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(!world.server.server.store.account(&bot).await.unwrap().unwrap().is_admin);
}

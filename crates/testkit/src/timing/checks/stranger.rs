// SPDX-License-Identifier: Apache-2.0
//! What somebody with an account asks about rooms, people, devices and files that are none of
//! theirs, and what nobody may ask at all.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{Ask, Check};
use crate::timing::{
    Sizes,
    browser::{Browser, Request, escaped},
    world::{World, address},
};

/// Method, path and body: what is asked about a room that one is not in. `{room}`, `{event}` and
/// `{user}` are put in.
const ROOM: &[(&str, &str, &str)] = &[
    ("GET", "rooms/{room}/state", ""),
    ("GET", "rooms/{room}/state/m.room.name/", ""),
    ("GET", "rooms/{room}/state/m.room.member/{user}", ""),
    ("GET", "rooms/{room}/members", ""),
    ("GET", "rooms/{room}/joined_members", ""),
    ("GET", "rooms/{room}/messages?dir=b", ""),
    ("GET", "rooms/{room}/context/{event}", ""),
    ("GET", "rooms/{room}/event/{event}", ""),
    ("GET", "rooms/{room}/aliases", ""),
    ("GET", "rooms/{room}/initialSync", ""),
    ("GET", "rooms/{room}/timestamp_to_event?ts=0&dir=f", ""),
    ("GET", "rooms/{room}/relations/{event}", ""),
    ("GET", "rooms/{room}/threads", ""),
    ("GET", "rooms/{room}/hierarchy", ""),
    ("GET", "room_summary/{room}", ""),
    ("POST", "join/{room}", "{}"),
    ("POST", "rooms/{room}/join", "{}"),
    ("POST", "knock/{room}", "{}"),
    ("POST", "rooms/{room}/leave", "{}"),
    ("POST", "rooms/{room}/forget", "{}"),
    ("POST", "rooms/{room}/invite", r#"{"user_id":"{user}"}"#),
    (
        "POST",
        "rooms/{room}/invite",
        r#"{"medium":"email","address":"a@bench.test","id_server":"bench.test",
        "id_access_token":"x"}"#,
    ),
    ("POST", "rooms/{room}/kick", r#"{"user_id":"{user}"}"#),
    ("POST", "rooms/{room}/ban", r#"{"user_id":"{user}"}"#),
    ("POST", "rooms/{room}/unban", r#"{"user_id":"{user}"}"#),
    ("POST", "rooms/{room}/read_markers", r#"{"m.fully_read":"{event}"}"#),
    ("POST", "rooms/{room}/receipt/m.read/{event}", "{}"),
    ("POST", "rooms/{room}/report", r#"{"reason":"x"}"#),
    ("POST", "rooms/{room}/report/{event}", r#"{"reason":"x"}"#),
    ("POST", "rooms/{room}/upgrade", r#"{"new_version":"11"}"#),
    ("PUT", "rooms/{room}/redact/{event}/t", "{}"),
    ("PUT", "rooms/{room}/send/m.room.message/t", r#"{"msgtype":"m.text","body":"x"}"#),
    ("PUT", "rooms/{room}/state/m.room.name/", r#"{"name":"x"}"#),
    ("PUT", "directory/list/room/{room}", r#"{"visibility":"public"}"#),
];

/// The same about somebody else, who is there or not. Profiles are not among it: whoever has an
/// account may see who somebody is (Client-Server API, "Profiles").
const PERSON: &[(&str, &str, &str)] = &[
    ("GET", "admin/whois/{user}", ""),
    ("GET", "user/{user}/account_data/m.direct", ""),
    ("PUT", "user/{user}/account_data/m.direct", "{}"),
    ("POST", "user/{user}/filter", "{}"),
    ("GET", "user/{user}/filter/1", ""),
    ("POST", "user/{user}/openid/request_token", "{}"),
    ("GET", "user/{user}/rooms/!r:bench.test/tags", ""),
    ("PUT", "profile/{user}/displayname", r#"{"displayname":"x"}"#),
    ("GET", "presence/{user}/status", ""),
    ("PUT", "sendToDevice/m.x/t", r#"{"messages":{"{user}":{"*":{}}}}"#),
    ("POST", "keys/claim", r#"{"one_time_keys":{"{user}":{"D":"signed_curve25519"}}}"#),
    ("PUT", "rooms/!r:bench.test/typing/{user}", r#"{"typing":true}"#),
    ("POST", "users/{user}/report", r#"{"reason":"x"}"#),
];

/// What anybody asks about a room.
const LISTED: &str = "directory/list/room/{room}";
/// What those ask who have no account.
const ANYBODY: &[(&str, &str, &str)] = &[
    ("POST", "register/email/requestToken", EMAIL),
    ("POST", "account/password/email/requestToken", EMAIL),
    ("POST", "account/3pid/email/requestToken", EMAIL),
];
const EMAIL: &str = r#"{"client_secret":"x","email":"{address}","send_attempt":1}"#;

/// Rooms with something said in them, files, and devices.
struct Places {
    rooms: Vec<(String, String)>,
    media: Vec<String>,
    devices: Vec<String>,
}

/// All of them.
pub(super) fn all(world: &World, users: &[String], sizes: &Sizes) -> Result<Vec<Check>> {
    let owner = users.first().context("nobody is there")?;
    let stranger = users.last().context("nobody is there")?;
    let (owners, device) = world.log_in(owner)?;
    let (token, _) = world.log_in(stranger)?;
    let places = places(world, &owners, device)?;
    let server = world.address;
    let mut checks = Vec::new();
    // Nobody guesses the id of a room, a file or a device.
    let mut add = |name: String, ask: Ask| {
        let guessable = ["person: ", "address: "].iter().any(|kind| name.starts_with(kind));
        checks.push(Check { name, pairs: sizes.pairs, guessable, ask });
    };
    for (method, path, body) in ROOM {
        let fill = about_rooms(places.rooms.clone(), stranger.clone());
        add(format!("room: {method} {path}"), asked(server, &token, (method, path, body), fill));
    }
    let fill = about_rooms(places.rooms.clone(), stranger.clone());
    add("room, without an account".to_owned(), asked(server, "", ("GET", LISTED, ""), fill));
    let others = users.get(..users.len() - 1).unwrap_or_default();
    for (method, path, body) in PERSON {
        let users = others.to_vec();
        let fill = move |text: &str, known: bool, at: usize| {
            let user = users.get(at % users.len().max(1)).cloned().unwrap_or_default();
            let user = if known { user } else { nobody(&user) };
            vec![text.replace("{user}", &user), String::new(), String::new(), user]
        };
        add(format!("person: {method} {path}"), asked(server, &token, (method, path, body), fill));
    }
    for (method, path, body) in ANYBODY {
        let people = users.len().max(1);
        let fill = move |text: &str, known: bool, at: usize| {
            let address = address(known, at % people);
            let text = text.replace("{address}", &address);
            vec![text, String::new(), String::new(), address]
        };
        add(format!("address: {method} {path}"), asked(server, "", (method, path, body), fill));
    }
    let media = places.media;
    for path in ["client/v1/media/download", "media/v3/download", "media/v3/thumbnail"] {
        add(format!("file: GET {path}"), files(server, path, media.clone()));
    }
    for (method, body) in [("GET", ""), ("PUT", r#"{"display_name":"x"}"#)] {
        let devices = places.devices.clone();
        let fill = move |text: &str, known: bool, at: usize| {
            let device = devices.get(at % devices.len().max(1)).cloned().unwrap_or_default();
            let device = if known { device } else { device.chars().rev().collect() };
            vec![text.replace("{device}", &device), String::new(), String::new(), device]
        };
        let what = (method, "devices/{device}", body);
        add(format!("device of somebody: {method}"), asked(server, &token, what, fill));
    }
    Ok(checks)
}

/// A user id of the same letters, and nobody's.
pub(super) fn nobody(user: &str) -> String {
    let (name, server) = user.split_once(':').unwrap_or((user, ""));
    let backwards: String = name.trim_start_matches('@').chars().rev().collect();
    format!("@{backwards}:{server}")
}

/// As long as the id, and of nothing.
fn absent(id: &str) -> String {
    let mut letters: Vec<char> = id.chars().collect();
    for letter in letters.iter_mut().skip(1).take(8) {
        *letter = if *letter == 'A' { 'B' } else { 'A' };
    }
    letters.into_iter().collect()
}

/// The text, and a room with something said in it, or as long ids of nothing.
fn about_rooms(
    rooms: Vec<(String, String)>,
    user: String,
) -> impl Fn(&str, bool, usize) -> Vec<String> {
    move |text, known, at| {
        let (room, event) = rooms.get(at % rooms.len().max(1)).cloned().unwrap_or_default();
        let room = if known { room } else { absent(&room) };
        let event = if known { event } else { absent(&event) };
        vec![text.replace("{user}", &user), room, event]
    }
}

/// Puts together what is asked: `fill` gives the text, the room, the event, and what else the
/// answer may say again.
fn asked(
    server: SocketAddr,
    token: &str,
    (method, path, body): (&'static str, &'static str, &'static str),
    fill: impl Fn(&str, bool, usize) -> Vec<String> + 'static,
) -> Ask {
    let mut browser = Browser::new(server);
    let token = (!token.is_empty()).then(|| token.to_owned());
    let version = ["room_summary", "rooms/{room}/hierarchy", "rooms/{room}/relations"]
        .iter()
        .chain(&["rooms/{room}/threads", "rooms/{room}/timestamp"])
        .any(|start| path.starts_with(start));
    let version = if version { "v1" } else { "v3" };
    Box::new(move |known, at| {
        let made = |text: &str, in_path: bool| {
            let mut parts = fill(text, known, at).into_iter();
            let mut text = parts.next().unwrap_or_default();
            let mut about = Vec::new();
            for name in ["{room}", "{event}"] {
                let value = parts.next().unwrap_or_default();
                let written = if in_path { escaped(&value) } else { value.clone() };
                text = text.replace(name, &written);
                about.extend([value, written]);
            }
            about.extend(parts);
            about.retain(|secret| !secret.is_empty());
            (text, about)
        };
        let (path, mut about) = made(path, true);
        let (body, more) = made(body, false);
        about.extend(more);
        let request = Request {
            method,
            path: format!("/_matrix/client/{version}/{}", path.replace('@', "%40")),
            content_type: "application/json",
            bearer: token.clone(),
            body,
        };
        Ok((browser.ask(&request)?, about))
    })
}

/// Files, to whoever shows no token.
fn files(server: SocketAddr, path: &'static str, media: Vec<String>) -> Ask {
    let mut browser = Browser::new(server);
    Box::new(move |known, at| {
        let id = media.get(at % media.len().max(1)).cloned().unwrap_or_default();
        let id = if known { id } else { id.chars().rev().collect() };
        let query = if path.ends_with("thumbnail") { "?width=9&height=9" } else { "" };
        let answer =
            browser.ask(&Request::get(format!("/_matrix/{path}/bench.test/{id}{query}")))?;
        Ok((answer, vec![id]))
    })
}

/// Rooms that nobody but their owner may know of, and what is in them.
fn places(world: &World, token: &str, device: String) -> Result<Places> {
    let mut browser = Browser::new(world.address);
    let mut ask = |method, path: &str, body: &str, field: &str| -> Result<String> {
        let request = Request {
            method,
            path: path.to_owned(),
            content_type: "application/json",
            bearer: Some(token.to_owned()),
            body: body.to_owned(),
        };
        let answer = browser.ask(&request)?;
        ensure!(answer.status == 200, "{path}: {} {}", answer.status, answer.body);
        let body: Value = serde_json::from_str(&answer.body)?;
        let value = body.get(field).and_then(Value::as_str).context("the answer says nothing")?;
        Ok(value.to_owned())
    };
    let mut rooms = Vec::new();
    let mut media = Vec::new();
    for number in 0..20 {
        let body = json!({ "preset": "private_chat", "name": format!("Room {number}") });
        let create = "/_matrix/client/v3/createRoom";
        let room = ask("POST", create, &body.to_string(), "room_id")?;
        let path = format!("/_matrix/client/v3/rooms/{}/send/m.x/{number}", escaped(&room));
        let event = ask("PUT", &path, r#"{"body":"x"}"#, "event_id")?;
        rooms.push((room, event));
        let mxc = ask("POST", "/_matrix/media/v3/upload", r#"{"a":"file"}"#, "content_uri")?;
        media.push(mxc.rsplit('/').next().unwrap_or_default().to_owned());
    }
    Ok(Places { rooms, media, devices: vec![device] })
}

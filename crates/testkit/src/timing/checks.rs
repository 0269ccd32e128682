// SPDX-License-Identifier: Apache-2.0
//! Pairs of requests that must be answered alike: one about something that is there, one about
//! something that is not.

mod stranger;

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    Sizes,
    browser::{Answer, Browser, Request, escaped},
    world::{World, address},
};

/// What is typed in the place of every password.
pub(super) const WRONG_PASSWORD: &str = "a wrong one that is nobody's";
/// Codes that one address is sent within a minute at the request of one place, besides the one that
/// everybody was sent before.
const CODES: usize = 1;
/// Wrong codes that one may try of a second one, one less than ends it.
const TRIES: usize = 2;

/// One kind of pair.
pub(super) struct Check {
    pub(super) name: String,
    pub(super) pairs: usize,
    /// Whether it is about what somebody could guess or knows of others. Then the times must be of
    /// one kind, and not only near each other.
    pub(super) guessable: bool,
    /// Asks the request of that number about something that is there (or not), after whatever must
    /// come before. Returns what is about it and may stand in the answer.
    pub(super) ask: Box<dyn FnMut(bool, usize) -> Result<(Answer, Vec<String>)>>,
}

/// All checks, on people of those user ids; the addresses are numbered alike.
pub(super) fn all(world: &World, users: &[String], sizes: &Sizes) -> Result<Vec<Check>> {
    let server = world.address;
    let quarter = (users.len() / 4).max(1);
    let (reset, sign_in) = ("/_estafette/password/reset", "/_estafette/sign-in/mail");
    let mut checks = Vec::new();
    let mut add = |name: &str, pairs, ask| {
        checks.push(Check { name: name.to_owned(), pairs, guessable: true, ask });
    };
    let hashed = sizes.hashed_pairs;
    add("log-in by user id", hashed, log_in_by_id(server, users));
    add("log-in by address", hashed, log_in_by_address(server, users.len()));
    add("sign-in page", hashed, sign_in_page(server, users.len()));
    let sent = |path, first| sending(server, path, first * quarter, quarter);
    add("sign-up, sending a code", quarter * CODES, sent("/_estafette/sign-up", 0));
    add("password reset, sending a code", quarter * CODES, sent(reset, 1));
    add("sign-in, sending a code", quarter * CODES, sent(sign_in, 2));
    let ask = trying(server, 3 * quarter, quarter);
    add("password reset, trying a code", quarter * CODES * TRIES, ask);
    let look_up = simple(server, users.len(), |number, known| {
        let address = escaped(&address(known, number));
        Request::get(format!("/_estafette/identity/v1/lookup?address={address}"))
    });
    add("server of an address", sizes.pairs, look_up);
    add("free user names", sizes.pairs, free_names(server, users));
    let access = simple(server, users.len(), |number, known| Request {
        bearer: Some(token("esa", known, number)),
        ..Request::get("/_matrix/client/v3/account/whoami")
    });
    add("access token, unknown or malformed", sizes.pairs, access);
    let refresh = simple(server, users.len(), |number, known| {
        let token = token("esr", known, number);
        Request::json("/_matrix/client/v3/refresh", &json!({ "refresh_token": token }))
    });
    add("refresh token, unknown or malformed", sizes.pairs, refresh);
    checks.extend(stranger::all(world, users, sizes)?);
    Ok(checks)
}

/// A token of the right form, or one that no server gave, of the same length.
fn token(mark: &str, well_formed: bool, number: usize) -> String {
    let letters = format!("{number:043}");
    if well_formed { format!("{mark}_{letters}") } else { format!("{letters}!{mark}") }
}

type Ask = Box<dyn FnMut(bool, usize) -> Result<(Answer, Vec<String>)>>;

/// Requests that need nothing before them.
fn simple(server: SocketAddr, people: usize, request: fn(usize, bool) -> Request) -> Ask {
    let mut browser = Browser::new(server);
    Box::new(move |known, at| {
        let number = at % people.max(1);
        let answer = browser.ask(&request(number, known))?;
        Ok((answer, vec![address(known, number), escaped(&address(known, number))]))
    })
}

fn wrong_password(identifier: &serde_json::Value) -> Request {
    let body = json!({
        "type": "m.login.password", "password": WRONG_PASSWORD, "identifier": identifier,
    });
    Request::json("/_matrix/client/v3/login", &body)
}

fn log_in_by_id(server: SocketAddr, users: &[String]) -> Ask {
    let (users, mut browser) = (users.to_vec(), Browser::new(server));
    Box::new(move |known, at| {
        let user = users.get(at % users.len().max(1)).cloned().unwrap_or_default();
        let user = if known { user } else { stranger::nobody(&user) };
        let identifier = json!({ "type": "m.id.user", "user": user });
        Ok((browser.ask(&wrong_password(&identifier))?, vec![user]))
    })
}

fn log_in_by_address(server: SocketAddr, people: usize) -> Ask {
    let mut browser = Browser::new(server);
    Box::new(move |known, at| {
        let address = address(known, at % people.max(1));
        let identifier =
            json!({ "type": "m.id.thirdparty", "medium": "email", "address": address });
        Ok((browser.ask(&wrong_password(&identifier))?, vec![address]))
    })
}

fn sign_in_page(server: SocketAddr, people: usize) -> Ask {
    let mut browser = Browser::new(server);
    let path = "/_estafette/sign-in";
    Box::new(move |known, at| {
        if at == 0 {
            browser.open(path)?;
        }
        let address = address(known, at % people.max(1));
        let fields = [("who", address.as_str()), ("password", WRONG_PASSWORD)];
        let answer = browser.submit(&Request::form(path, &fields))?;
        Ok((answer, vec![escaped(&address), address]))
    })
}

/// Codes sent to the people from `first` on. Each pair has a browser of its own.
fn sending(server: SocketAddr, path: &'static str, first: usize, people: usize) -> Ask {
    Box::new(move |known, at| {
        let mut browser = Browser::new(server);
        browser.open(path)?;
        let address = address(known, first + at % people);
        let answer = browser.submit(&Request::form(path, &[("address", &address)]))?;
        Ok((answer, vec![escaped(&address), address]))
    })
}

/// Wrong codes, of which each browser tries a few.
fn trying(server: SocketAddr, first: usize, people: usize) -> Ask {
    let mut browsers = [Browser::new(server), Browser::new(server)];
    let path = "/_estafette/password/reset";
    Box::new(move |known, at| {
        let [there, absent] = &mut browsers;
        let browser = if known { there } else { absent };
        let address = address(known, first + (at / TRIES) % people);
        if at % TRIES == 0 {
            *browser = Browser::new(server);
            browser.open(path)?;
            let sent = browser.submit(&Request::form(path, &[("address", &address)]))?;
            ensure!(sent.status == 303, "no code was asked for: {} {}", sent.status, sent.body);
            browser.open(sent.location())?;
        }
        let fields = [("address", address.as_str()), ("code", "00000000")];
        let answer = browser.submit(&Request::form("/_estafette/password/reset/code", &fields))?;
        Ok((answer, vec![escaped(&address), address]))
    })
}

/// Where nobody may register by the API nobody is told which names are taken.
fn free_names(server: SocketAddr, users: &[String]) -> Ask {
    let (users, mut browser) = (users.to_vec(), Browser::new(server));
    Box::new(move |known, at| {
        let user = users.get(at % users.len().max(1)).cloned().unwrap_or_default();
        let name = user.trim_start_matches('@').split(':').next().unwrap_or_default().to_owned();
        let name = if known { name } else { name.chars().rev().collect() };
        let path = format!("/_matrix/client/v3/register/available?username={}", escaped(&name));
        Ok((browser.ask(&Request::get(path))?, vec![name]))
    })
}

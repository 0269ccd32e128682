// SPDX-License-Identifier: Apache-2.0
//! Pages for clients that do not know a stage of authentication, or do not know how to log in
//! (Client-Server API, "Fallback" and "Login Fallback").
//!
//! Nothing of a request is written into a page, but for the id of a session that is known. The
//! scripts are the same each time and named by their hash, so that no other one runs.
//!
//! What is proven on the account pages is proven in a window of its own: those pages let nobody
//! hold on to them (`Cross-Origin-Opener-Policy`), so the client that opened this one would never
//! hear of it from there. This page stays, and asks until the leave was given.

use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use estafette_core::ids::DeviceId;
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{keys::reset_url, v3};
use crate::{
    ApiError, ApiResult, Shared,
    auth::uia::{self, Stage, UiaSession},
    http::{Json, Path, Query, RemoteAddress, empty_object},
};

const STAGE_SCRIPT: &str = r#"
const form = document.querySelector("form");
const says = document.querySelector("output");
form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = form.elements.given ? form.elements.given.value : null;
    const answer = await fetch(location.href, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ given }),
    });
    if (!answer.ok) {
        says.textContent = (await answer.json()).error;
        return;
    }
    form.remove();
    says.textContent = "Thank you. You may close this page.";
    if (window.onAuthDone) {
        window.onAuthDone();
    } else if (window.opener && window.opener.postMessage) {
        window.opener.postMessage("authDone", "*");
    }
});
"#;

/// For what is proven elsewhere. The same page tells a client that opens it afterwards.
const AWAY_SCRIPT: &str = r#"
const form = document.querySelector("form");
const says = document.querySelector("output");
let done = false;
async function look(aloud) {
    const answer = await fetch(location.href, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: "{}",
    });
    if (done) return;
    if (!answer.ok) {
        if (aloud) says.textContent = form.dataset.notYet;
        return;
    }
    done = true;
    clearInterval(again);
    says.textContent = form.dataset.done;
    form.remove();
    if (window.onAuthDone) {
        window.onAuthDone();
    } else if (window.opener && window.opener.postMessage) {
        window.opener.postMessage("authDone", "*");
    }
}
form.addEventListener("submit", (event) => {
    event.preventDefault();
    look(true);
});
const again = setInterval(() => { if (!document.hidden) look(false); }, 3000);
window.addEventListener("focus", () => look(false));
document.addEventListener("visibilitychange", () => look(false));
look(false);
"#;

const LOGIN_SCRIPT: &str = r#"
const form = document.querySelector("form");
const says = document.querySelector("output");
form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const asked = new URLSearchParams(location.search);
    const body = {
        type: "m.login.password",
        identifier: { type: "m.id.user", user: form.elements.user.value },
        password: form.elements.given.value,
    };
    for (const name of ["device_id", "initial_device_display_name"]) {
        if (asked.has(name)) body[name] = asked.get(name);
    }
    if (asked.get("refresh_token") === "true") body.refresh_token = true;
    const answer = await fetch("/_matrix/client/v3/login", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
    });
    const response = await answer.json();
    if (!answer.ok) {
        says.textContent = response.error;
        return;
    }
    form.remove();
    says.textContent = "You are signed in. You may close this page.";
    if (window.matrixLogin) window.matrixLogin.onLogin(response);
});
"#;

pub(super) fn routes() -> Router<Shared> {
    v3(Router::new(), "/auth/{stage}/fallback/web", get(stage_page).post(complete))
        .route("/_matrix/static/client/login/", get(login_page))
}

#[derive(Deserialize)]
struct StageQuery {
    session: String,
}

/// `GET /_matrix/client/v3/auth/{authType}/fallback/web`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#fallback>
async fn stage_page(
    State(server): State<Shared>,
    Path(stage): Path<String>,
    Query(query): Query<StageQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let stage = stage_of(&stage)?;
    let session = uia::on_page(&server, &query.session, stage)?;
    let fields = match stage {
        Stage::Sso | Stage::Oauth | Stage::CrossSigningReset => {
            return Ok(away(&place(&session, stage, &query.session), &headers));
        }
        Stage::Dummy => "",
        Stage::Password => {
            "<label>Your password <input name=given type=password required \
             autocomplete=current-password autofocus></label>"
        }
        Stage::RegistrationToken => {
            "<label>Your invitation <input name=given required autocomplete=off autofocus></label>"
        }
    };
    let form = format!("<form>{fields}<button>Go on</button></form>");
    Ok(page("en", "Please confirm", &form, STAGE_SCRIPT))
}

/// Where a stage is proven that is proven elsewhere: a path without anything that HTML could read
/// as its own.
fn place(session: &UiaSession, stage: Stage, session_id: &str) -> String {
    match (stage, session.device_id()) {
        (Stage::Sso, _) => format!("/_estafette/account/confirm?session={session_id}"),
        (_, device_id) => reset_url("", device_id.map_or("", DeviceId::as_str)),
    }
}

/// What the page says of a stage that is proven elsewhere.
struct AwayWords {
    language: &'static str,
    title: &'static str,
    text: &'static str,
    there: &'static str,
    go_on: &'static str,
    not_yet: &'static str,
    done: &'static str,
}

const AWAY_IN_FRENCH: AwayWords = AwayWords {
    language: "fr",
    title: "Confirmez que c’est bien vous",
    text: "Une application demande votre accord. La page de votre compte vous dira pour quoi. \
           Si vous n’avez rien demandé, fermez cette page.",
    there: "Ouvrir la page de mon compte",
    go_on: "C’est fait, continuer",
    not_yet: "Votre accord n’a pas encore été donné.",
    done: "Merci. Vous pouvez fermer cette page et retourner à l’application.",
};

const AWAY_IN_ENGLISH: AwayWords = AwayWords {
    language: "en",
    title: "Confirm that it is you",
    text: "An application asks for your leave. The page of your account says what for. If you \
           asked for nothing, close this page.",
    there: "Open the page of my account",
    go_on: "Done, go on",
    not_yet: "The leave was not given yet.",
    done: "Thank you. You may close this page and go back to the application.",
};

/// The page of a stage that is proven at `place`, in the first of `Accept-Language` that we have.
fn away(place: &str, headers: &HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT_LANGUAGE).and_then(|list| list.to_str().ok());
    let mut ranges = accepted.unwrap_or_default().split(',').map(str::trim);
    let first = ranges.find(|range| range.starts_with("fr") || range.starts_with("en"));
    let words = match first {
        Some(range) if range.starts_with("en") => &AWAY_IN_ENGLISH,
        _ => &AWAY_IN_FRENCH,
    };
    let AwayWords { language, title, text, there, go_on, not_yet, done } = words;
    let form = format!(
        "<form data-not-yet=\"{not_yet}\" data-done=\"{done}\"><p>{text}</p>\
         <p><a href=\"{place}\" target=_blank rel=noopener>{there}</a></p>\
         <button>{go_on}</button></form>"
    );
    page(language, title, &form, AWAY_SCRIPT)
}

fn stage_of(name: &str) -> ApiResult<Stage> {
    Stage::parse(name).ok_or_else(|| ApiError::not_found("There is no such stage here."))
}

#[derive(Deserialize)]
struct Completion {
    given: Option<String>,
}

/// What the page of a stage sends.
async fn complete(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Path(stage): Path<String>,
    Query(query): Query<StageQuery>,
    Json(body): Json<Completion>,
) -> ApiResult<Response> {
    let who = format!("register from {address}");
    uia::complete(&server, &who, (&query.session, stage_of(&stage)?), body.given).await?;
    Ok(empty_object())
}

/// `GET /_matrix/static/client/login/`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#login-fallback>
async fn login_page() -> Response {
    let fields = "<label>User name <input name=user required autocomplete=username autofocus>\
        </label><label>Password <input name=given type=password required \
        autocomplete=current-password></label>";
    let form = format!("<form>{fields}<button>Go on</button></form>");
    page("en", "Sign in", &form, LOGIN_SCRIPT)
}

fn page(language: &str, title: &str, form: &str, script: &str) -> Response {
    let hash = STANDARD.encode(Sha256::digest(script));
    let policy = format!(
        "default-src 'none'; connect-src 'self'; script-src 'sha256-{hash}'; \
         style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html = format!(
        "<!doctype html><html lang={language}><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:1rem/1.5 system-ui;max-width:24rem;margin:3rem auto;padding:0 1rem}}\
         label,input,button{{display:block;width:100%;margin:.5rem 0;font:inherit}}</style>\
         <h1>{title}</h1>{form}\
         <output role=status></output><script>{script}</script>"
    );
    let answer = Response::builder()
        .status(StatusCode::OK)
        .header(header::CONTENT_TYPE, "text/html; charset=utf-8")
        .header(header::CONTENT_SECURITY_POLICY, policy)
        .header(header::REFERRER_POLICY, "no-referrer")
        .header(header::CACHE_CONTROL, "no-store")
        .body(Body::from(html));
    answer.unwrap_or_default()
}

#[cfg(test)]
mod tests;

// SPDX-License-Identifier: Apache-2.0
//! Pages for clients that do not know a stage of authentication, or do not know how to log in
//! (Client-Server API, "Fallback" and "Login Fallback").
//!
//! Nothing of a request is written into a page. The script is the same each time and named by its
//! hash, so that no other one runs.

use axum::{Router, body::Body, extract::State, response::Response, routing::get};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{StatusCode, header};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::v3;
use crate::{
    ApiError, ApiResult, Shared,
    auth::uia::{self, Stage},
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
) -> ApiResult<Response> {
    let stage = stage_of(&stage)?;
    if !uia::is_under_way(&server, &query.session) {
        return Err(ApiError::not_found("This authentication is not known, or has ended."));
    }
    let fields = match stage {
        // Leave on the account pages is given on the account pages.
        Stage::Dummy | Stage::Oauth | Stage::CrossSigningReset => "",
        Stage::Password => {
            "<label>Your password <input name=given type=password required \
             autocomplete=current-password autofocus></label>"
        }
        Stage::RegistrationToken => {
            "<label>Your invitation <input name=given required autocomplete=off autofocus></label>"
        }
    };
    Ok(page("Please confirm", fields, STAGE_SCRIPT))
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
    page("Sign in", fields, LOGIN_SCRIPT)
}

fn page(title: &str, fields: &str, script: &str) -> Response {
    let hash = STANDARD.encode(Sha256::digest(script));
    let policy = format!(
        "default-src 'none'; connect-src 'self'; script-src 'sha256-{hash}'; \
         style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html = format!(
        "<!doctype html><html lang=en><meta charset=utf-8>\
         <meta name=viewport content=\"width=device-width\"><title>{title}</title>\
         <style>body{{font:1rem/1.5 system-ui;max-width:24rem;margin:3rem auto;padding:0 1rem}}\
         label,input,button{{display:block;width:100%;margin:.5rem 0;font:inherit}}</style>\
         <h1>{title}</h1><form>{fields}<button>Go on</button></form>\
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

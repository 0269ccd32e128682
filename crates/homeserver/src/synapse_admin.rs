// SPDX-License-Identifier: Apache-2.0
//! The part of Synapse's administration API that tools in the field rely on: registration by a
//! shared secret, users, registration tokens. Its documentation defines it; the specification does
//! not.

mod account_validity;
mod devices;
mod registration_tokens;
mod server_notices;
mod users;

use std::net::IpAddr;

use axum::{Router, extract::State, routing::get};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha1::Sha1;

use estafette_core::limits::PASSWORD_BYTES_MAX;
use estafette_store::{
    accounts::{CreateOutcome, NewAccount},
    people::{AdminAct, AdminOutcome, AuditEntry},
};

use crate::{
    ApiError, ApiResult, Server, Shared,
    administration::administer,
    auth::tokens::{IssuedPair, new_login, new_token},
    client::register::{check_created, check_free, user_id},
    http::{Json, RemoteAddress},
    rate_limit::Cost,
};

/// Every route of this API.
pub(crate) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_synapse/admin/v1/register", get(nonce).post(register))
        .merge(users::routes())
        .merge(devices::routes())
        .merge(account_validity::routes())
        .merge(registration_tokens::routes())
        .merge(server_notices::routes())
}

/// 400 `M_UNKNOWN`, as Synapse answers, where no secret is configured.
fn check_enabled(server: &Server) -> ApiResult<()> {
    if !server.config.registration.shared_secret.is_empty() {
        return Ok(());
    }
    let message = "Registration by a shared secret is not enabled.";
    Err(ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message))
}

/// `GET /_synapse/admin/v1/register`: a nonce for one registration within a minute.
async fn nonce(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
) -> ApiResult<Json<Value>> {
    check_enabled(&server)?;
    let who = format!("shared secret from {address}");
    server.rate_limiter.check(Cost::Write, &who, server.now_ms())?;
    let nonce = new_token(&server, "esn");
    server.auth.nonces.put(&nonce, (), server.now_ms())?;
    Ok(Json(json!({ "nonce": nonce })))
}

#[derive(Deserialize)]
struct SecretRegistration {
    nonce: String,
    username: String,
    password: String,
    #[serde(default)]
    admin: bool,
    user_type: Option<String>,
    displayname: Option<String>,
    mac: String,
    #[serde(default)]
    inhibit_login: bool,
}

impl SecretRegistration {
    /// Whether `mac` is the HMAC-SHA1 over what the request says. Compared in constant time.
    fn is_authentic(&self, secret: &str) -> bool {
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else { return false };
        let admin = if self.admin { "admin" } else { "notadmin" };
        let parts = [self.nonce.as_str(), &self.username, &self.password, admin];
        for part in parts.into_iter().chain(self.user_type.as_deref()).enumerate() {
            if part.0 > 0 {
                mac.update(b"\0");
            }
            mac.update(part.1.as_bytes());
        }
        decode_hex(&self.mac).is_some_and(|given| mac.verify_slice(&given).is_ok())
    }
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    text.as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(high)? << 4 | digit(low)?),
            _ => None,
        })
        .collect()
}

/// `POST /_synapse/admin/v1/register`
///
/// <https://element-hq.github.io/synapse/latest/admin_api/register_api.html>
async fn register(
    State(server): State<Shared>,
    RemoteAddress(address): RemoteAddress,
    Json(request): Json<SecretRegistration>,
) -> ApiResult<Json<Value>> {
    check_enabled(&server)?;
    let who = format!("shared secret from {address}");
    server.rate_limiter.check(Cost::Write, &who, server.now_ms())?;
    if server.auth.nonces.take(&request.nonce, server.now_ms()).is_none() {
        let message = "The nonce is unknown, used or too old.";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "M_UNKNOWN", message));
    }
    // NUL parts what is signed: inside a part it would let one request pass as another.
    if request.username.contains('\0') || request.password.contains('\0') {
        return Err(ApiError::invalid_param("NUL is not allowed here."));
    }
    if request.password.is_empty() || request.password.len() > PASSWORD_BYTES_MAX {
        return Err(ApiError::invalid_param("The password is empty or too long."));
    }
    if !request.is_authentic(&server.config.registration.shared_secret) {
        return Err(ApiError::forbidden("The HMAC is not right."));
    }
    create(&server, address, request).await
}

async fn create(
    server: &Server,
    address: IpAddr,
    request: SecretRegistration,
) -> ApiResult<Json<Value>> {
    let user_id = user_id(server, &request.username)?;
    check_free(server, &user_id, None).await?;
    let password_hash = server.auth.passwords.hash(&*server.random, &request.password).await?;
    let pair = IssuedPair::new(server, false);
    let login = new_login(server, None, None, &pair)?;
    let mut body = Map::new();
    body.insert("user_id".into(), json!(user_id));
    body.insert("home_server".into(), json!(server.server_name));
    if !request.inhibit_login {
        body.insert("device_id".into(), json!(login.device_id));
        pair.describe(&mut body);
    }
    let displayname = request.displayname.filter(|name| !name.is_empty());
    let account = NewAccount {
        displayname: displayname.or_else(|| Some(user_id.localpart().to_owned())),
        user_id: user_id.clone(),
        password_hash: Some(password_hash),
        appservice_id: None,
        is_admin: request.admin,
        registration_token: None,
        login: (!request.inhibit_login).then_some(login),
        now_ms: server.now_ms(),
    };
    let actor = format!("holder of the registration secret, from {address}");
    let entry = AuditEntry { actor, reason: None, now_ms: server.now_ms() };
    let act = AdminAct::Create(Box::new(account), Box::default());
    if administer(server, entry, Some(&user_id), vec![act]).await? != AdminOutcome::Done {
        check_created(CreateOutcome::Taken)?;
    }
    Ok(Json(Value::Object(body)))
}

#[cfg(test)]
mod tests;

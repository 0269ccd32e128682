// SPDX-License-Identifier: Apache-2.0
//! Client-Server API, "Profiles", with the extended fields of v1.16 (MSC4133).

use axum::{
    Router,
    extract::{FromRequestParts, State},
    response::Response,
    routing::get,
};
use estafette_core::{
    ids::UserId,
    limits::{AVATAR_URL_BYTES_MAX, DISPLAYNAME_BYTES_MAX, PROFILE_KEY_BYTES_MAX},
};
use estafette_store::{
    AccountStore as _, PeopleStore as _, accounts::ProfileOutcome, people::AdminAct,
};
use http::{StatusCode, request::Parts};
use serde_json::{Map, Value};

use super::v3;
use crate::{
    ApiError, ApiResult, Server, Shared,
    account_changes::AccountChange,
    administration::administer_as,
    auth::{OptionalRequester, Requester},
    http::{Json, Path, RemoteAddress, empty_object},
    people,
    rate_limit::Cost,
};

pub(super) fn routes() -> Router<Shared> {
    let field = get(field).put(set_field).delete(delete_field);
    let router = v3(Router::new(), "/profile/{user_id}", get(profile));
    let unstable = "/_matrix/client/unstable/uk.tcpip.msc4133/profile/{user_id}/{key}";
    v3(router, "/profile/{user_id}/{key}", field.clone()).route(unstable, field)
}

/// Whoever may read profiles: anybody, or with `user_directory.public_profiles` off, who has a
/// token. Strangers are held back by their address.
struct ProfileReader;

impl FromRequestParts<Shared> for ProfileReader {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, server: &Shared) -> Result<Self, ApiError> {
        let OptionalRequester(requester) =
            OptionalRequester::from_request_parts(parts, server).await?;
        if requester.is_some() {
            return Ok(Self);
        }
        if !server.config.user_directory.public_profiles {
            return Err(ApiError::missing_token());
        }
        let RemoteAddress(address) = RemoteAddress::from_request_parts(parts, server).await?;
        let who = format!("profiles for {address}");
        server.rate_limiter.check(Cost::Write, &who, server.now_ms())?;
        Ok(Self)
    }
}

/// `GET /_matrix/client/v3/profile/{userId}`
///
/// The operator may close profiles to strangers, so that nobody can list who is here (pitfall 61).
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuserid>
async fn profile(
    State(server): State<Shared>,
    ProfileReader: ProfileReader,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Map<String, Value>>> {
    load(&server, &parse_user(&user_id)?).await.map(Json)
}

/// `GET /_matrix/client/v3/profile/{userId}/{keyName}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3profileuseridkeyname>
async fn field(
    State(server): State<Shared>,
    ProfileReader: ProfileReader,
    Path((user_id, key)): Path<(String, String)>,
) -> ApiResult<Json<Map<String, Value>>> {
    let mut profile = load(&server, &parse_user(&user_id)?).await?;
    let value = profile.remove(&key).ok_or_else(unknown)?;
    Ok(Json(Map::from_iter([(key, value)])))
}

/// `PUT /_matrix/client/v3/profile/{userId}/{keyName}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#put_matrixclientv3profileuseridkeyname>
async fn set_field(
    State(server): State<Shared>,
    requester: Requester,
    Path((user_id, key)): Path<(String, String)>,
    Json(mut body): Json<Map<String, Value>>,
) -> ApiResult<Response> {
    let user_id = check_write(&server, &requester, &user_id, &key)?;
    let right = right_to(&server, &requester, &user_id, &key).await?;
    let missing = || ApiError::missing_param(format!("`{key}` is missing from the body."));
    let value = body.remove(&key).ok_or_else(missing)?;
    if let ("displayname", Value::String(name)) = (&*key, &value) {
        people::check_label(&server, &user_id, name).await?;
    }
    write(&server, (&requester, right), &user_id, &key, checked(&key, value)?).await?;
    Ok(empty_object())
}

/// `DELETE /_matrix/client/v3/profile/{userId}/{keyName}`
///
/// <https://spec.matrix.org/v1.19/client-server-api/#delete_matrixclientv3profileuseridkeyname>
async fn delete_field(
    State(server): State<Shared>,
    requester: Requester,
    Path((user_id, key)): Path<(String, String)>,
) -> ApiResult<Response> {
    let user_id = check_write(&server, &requester, &user_id, &key)?;
    let right = right_to(&server, &requester, &user_id, &key).await?;
    write(&server, (&requester, right), &user_id, &key, None).await?;
    Ok(empty_object())
}

/// By what right somebody changes a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    /// It is their own.
    Own,
    /// They are an administrator: it has its line in the audit log.
    Administrator,
}

/// By what right a field is changed. Refuses to change a name that the person's address gives,
/// where the operator has them stay: administrators correct them, their own too.
async fn right_to(
    server: &Server,
    requester: &Requester,
    user_id: &UserId,
    key: &str,
) -> ApiResult<Right> {
    let is_imposed = key == "displayname" && has_imposed_name(server, user_id).await?;
    match (is_imposed || requester.user_id != *user_id, requester.is_admin) {
        (false, _) => Ok(Right::Own),
        (true, true) => Ok(Right::Administrator),
        (true, false) => {
            Err(ApiError::forbidden("The display name is given by your e-mail address."))
        }
    }
}

async fn write(
    server: &Server,
    (requester, right): (&Requester, Right),
    user_id: &UserId,
    key: &str,
    value: Option<String>,
) -> ApiResult<()> {
    if right == Right::Own {
        return set(server, user_id, key, value).await;
    }
    let known = server.store.profile(user_id).await?;
    known.ok_or_else(unknown)?;
    let act = AdminAct::SetProfileField(key.to_owned(), value);
    administer_as(server, requester, Some(user_id), vec![act]).await
}

/// Whether somebody's display name was made from an address and stays as it is.
pub(crate) async fn has_imposed_name(server: &Server, user_id: &UserId) -> ApiResult<bool> {
    if !server.names_are_imposed.load(std::sync::atomic::Ordering::Relaxed) {
        return Ok(false);
    }
    let person = server.store.person(user_id).await?;
    Ok(person.is_some_and(|person| person.details.email.is_some()))
}

fn parse_user(user_id: &str) -> ApiResult<UserId> {
    UserId::parse(user_id)
        .map_err(|error| ApiError::invalid_param(format!("The user id is wrong: {error}.")))
}

/// The same whether the user does not exist or has no profile.
fn unknown() -> ApiError {
    ApiError::not_found("There is no such profile.")
}

/// A user's profile as JSON. 404 for whoever is not of this server, and for nobody.
pub(crate) async fn load(server: &Server, user_id: &UserId) -> ApiResult<Map<String, Value>> {
    let fields = server.store.profile(user_id).await?.ok_or_else(unknown)?;
    let parse = |(name, value): (String, String)| {
        serde_json::from_str(&value).map(|value| (name, value)).map_err(ApiError::internal)
    };
    fields.into_iter().map(parse).collect()
}

/// One's own profile, or an administrator any of this server.
fn check_write(
    server: &Server,
    requester: &Requester,
    user_id: &str,
    key: &str,
) -> ApiResult<UserId> {
    requester.check_not_suspended()?;
    let user_id = parse_user(user_id)?;
    let local = user_id.server_name() == server.server_name.as_str();
    if !(requester.administers && local) {
        requester.check_self(&user_id)?;
    }
    check_key(key)?;
    requester.check_rate(&server.rate_limiter, Cost::Write, server.now_ms())?;
    Ok(user_id)
}

/// `displayname`, `avatar_url`, or of the Common Namespaced Identifier Grammar (Appendices).
fn check_key(key: &str) -> ApiResult<()> {
    if key.len() > PROFILE_KEY_BYTES_MAX {
        let message = format!("The key is longer than {PROFILE_KEY_BYTES_MAX} bytes.");
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "M_KEY_TOO_LARGE", message));
    }
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    let namespaced = key.contains('.')
        && key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.bytes().all(allowed);
    if matches!(key, "displayname" | "avatar_url") || namespaced {
        return Ok(());
    }
    Err(ApiError::invalid_param("This is no name that a profile field may have."))
}

/// The JSON text to keep; `None` removes the field. Clients empty a name or an avatar with `""`.
pub(crate) fn checked(key: &str, value: Value) -> ApiResult<Option<String>> {
    let text = match (key, &value) {
        ("displayname" | "avatar_url" | "m.tz", Value::String(text)) => text,
        ("displayname" | "avatar_url" | "m.tz", _) => {
            return Err(ApiError::bad_json(format!("`{key}` must be a string.")));
        }
        _ => return Ok(Some(value.to_string())),
    };
    let bytes_max = match key {
        "displayname" => DISPLAYNAME_BYTES_MAX,
        "avatar_url" => AVATAR_URL_BYTES_MAX,
        _ => PROFILE_KEY_BYTES_MAX,
    };
    if text.len() > bytes_max {
        return Err(ApiError::invalid_param(format!(
            "`{key}` may have at most {bytes_max} bytes."
        )));
    }
    Ok((!text.is_empty()).then(|| value.to_string()))
}

/// Sets a field and lets the user's rooms hear of it, where they show it.
pub(crate) async fn set(
    server: &Server,
    user_id: &UserId,
    key: &str,
    value: Option<String>,
) -> ApiResult<()> {
    let shown = matches!(key, "displayname" | "avatar_url");
    if shown {
        server.account_changes.check_room()?;
    }
    match server.store.set_profile_field(user_id, key, value.as_deref()).await? {
        ProfileOutcome::Set { changed } => {
            if shown && changed {
                server.account_changes.push(user_id.clone(), AccountChange::Profile);
            }
            Ok(())
        }
        ProfileOutcome::TooLarge => {
            let message = "The profile would be larger than 64 KiB.";
            Err(ApiError::new(StatusCode::BAD_REQUEST, "M_PROFILE_TOO_LARGE", message))
        }
        ProfileOutcome::NoAccount => Err(unknown()),
    }
}

#[cfg(test)]
mod tests;

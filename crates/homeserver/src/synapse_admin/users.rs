// SPDX-License-Identifier: Apache-2.0
//! Listing, reading, making and changing users.
//!
//! <https://element-hq.github.io/synapse/latest/admin_api/user_admin_api.html>

use axum::{
    Router,
    extract::State,
    response::Response,
    routing::{get, post},
};
use estafette_core::{directory::fold, ids::UserId, limits::ACCOUNTS_PER_PAGE_MAX};
use estafette_store::{
    AccountStore as _, PeopleStore as _,
    accounts::{Account, AccountFlag, AccountPage, Devices, NewAccount},
    people::AdminAct,
};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    ApiError, ApiResult, Server, Shared,
    administration::administer_as,
    auth::Requester,
    client::profile,
    http::{Json, OptionalJson, Path, Query, empty_object, json_response},
    people,
};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_synapse/admin/v2/users", get(list))
        .route("/_synapse/admin/v2/users/{user_id}", get(one).put(put))
        .route("/_synapse/admin/v1/users/{user_id}/admin", get(is_admin).put(set_admin))
        .route("/_synapse/admin/v1/deactivate/{user_id}", post(deactivate))
        .route("/_synapse/admin/v1/reset_password/{user_id}", post(reset_password))
}

const PAGE_DEFAULT: u64 = 100;

#[derive(Deserialize)]
struct ListQuery {
    from: Option<u64>,
    limit: Option<u64>,
    user_id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    deactivated: bool,
}

/// `GET /_synapse/admin/v2/users`
async fn list(
    State(server): State<Shared>,
    requester: Requester,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let page = AccountPage {
        from: query.from.unwrap_or(0).min(u64::from(u32::MAX)),
        limit: query.limit.unwrap_or(PAGE_DEFAULT).min(ACCOUNTS_PER_PAGE_MAX),
        search: query.name.or(query.user_id).map(|text| fold(&text)),
        deactivated: query.deactivated,
    };
    let from = page.from;
    let (accounts, total) = server.store.accounts(page).await?;
    let mut users = Vec::with_capacity(accounts.len());
    for account in &accounts {
        users.push(describe(&server, account).await?);
    }
    let next = from + u64::try_from(accounts.len()).unwrap_or(0);
    let mut body = json!({ "users": users, "total": total });
    if let (true, Some(members)) = (next < total && !accounts.is_empty(), body.as_object_mut()) {
        members.insert("next_token".into(), json!(next.to_string()));
    }
    Ok(Json(body))
}

/// `GET /_synapse/admin/v2/users/{userId}`
async fn one(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let account = known(&server, &local(&server, &user_id)?).await?;
    describe(&server, &account).await.map(Json)
}

pub(super) fn local(server: &Server, user_id: &str) -> ApiResult<UserId> {
    let user_id = UserId::parse(user_id)
        .map_err(|error| ApiError::invalid_param(format!("The user id is wrong: {error}.")))?;
    if user_id.server_name() == server.server_name.as_str() {
        return Ok(user_id);
    }
    Err(ApiError::invalid_param("The user does not belong to this server."))
}

pub(super) async fn known(server: &Server, user_id: &UserId) -> ApiResult<Account> {
    let account = server.store.account(user_id).await?;
    account.ok_or_else(|| ApiError::not_found("There is no such user."))
}

async fn describe(server: &Server, account: &Account) -> ApiResult<Value> {
    let profile = profile::load(server, &account.user_id).await?;
    let person = server.store.person(&account.user_id).await?;
    let identifiers: Vec<Value> = person.iter().filter_map(people::third_party_id).collect();
    Ok(json!({
        "name": account.user_id,
        "displayname": profile.get("displayname"),
        "avatar_url": profile.get("avatar_url"),
        "threepids": identifiers,
        "external_ids": [],
        "is_guest": false,
        "admin": account.is_admin,
        "deactivated": account.deactivated,
        "erased": account.erased,
        "locked": account.locked,
        "suspended": account.suspended,
        "appservice_id": account.appservice_id,
        "user_type": null,
        "creation_ts": account.created_ms,
        "last_seen_ts": account.seen_ms,
        "expires_ts": account.expires_ms,
    }))
}

#[derive(Deserialize)]
struct UserChange {
    password: Option<String>,
    logout_devices: Option<bool>,
    displayname: Option<String>,
    avatar_url: Option<String>,
    admin: Option<bool>,
    deactivated: Option<bool>,
    locked: Option<bool>,
    suspended: Option<bool>,
    threepids: Option<Vec<Threepid>>,
}

/// An address as a request has it.
#[derive(Deserialize)]
struct Threepid {
    medium: String,
    address: String,
}

/// Addresses decide where somebody belongs and who may come in: they are not changed by the way.
/// What was read may be sent back.
async fn check_addresses(
    server: &Server,
    user_id: &UserId,
    threepids: Option<&[Threepid]>,
) -> ApiResult<()> {
    let Some(threepids) = threepids else { return Ok(()) };
    let known = server.store.person(user_id).await?.and_then(|person| person.details.email);
    let same = |one: &Threepid| one.medium == "email" && Some(&one.address) == known.as_ref();
    if threepids.len() == usize::from(known.is_some()) && threepids.iter().all(same) {
        return Ok(());
    }
    Err(ApiError::invalid_param(
        "`threepids` are not changed here: use `estafette admin users create --email` or \
         `set-email`.",
    ))
}

/// `PUT /_synapse/admin/v2/users/{userId}`: makes a user (201) or changes one (200).
async fn put(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    Json(change): Json<UserChange>,
) -> ApiResult<Response> {
    requester.check_administers()?;
    let user_id = local(&server, &user_id)?;
    if let Some(password) = &change.password {
        people::check_password(&server, &user_id, password).await?;
    }
    check_addresses(&server, &user_id, change.threepids.as_deref()).await?;
    let cuts_off = change.deactivated == Some(true)
        || change.locked == Some(true)
        || change.suspended == Some(true)
        || change.admin == Some(false);
    if cuts_off && user_id == requester.user_id {
        return Err(ApiError::forbidden("Nobody can do this to their own account."));
    }
    let account = server.store.account(&user_id).await?;
    if change.deactivated == Some(false) && account.as_ref().is_some_and(|known| known.erased) {
        return Err(ApiError::invalid_param("The account was erased, which cannot be undone."));
    }
    let status = if account.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let acts = acts(&server, &user_id, account.as_ref(), change).await?;
    if !acts.is_empty() {
        administer_as(&server, &requester, Some(&user_id), acts).await?;
    }
    let described = describe(&server, &known(&server, &user_id).await?).await?;
    Ok(json_response(status, described.to_string()))
}

fn making(server: &Server, user_id: &UserId) -> ApiResult<AdminAct> {
    // Only names that registration would give out.
    UserId::from_localpart(user_id.localpart(), &server.server_name)
        .map_err(|error| ApiError::invalid_param(format!("The user id is wrong: {error}.")))?;
    let account = NewAccount {
        user_id: user_id.clone(),
        password_hash: None,
        appservice_id: None,
        is_admin: false,
        displayname: Some(user_id.localpart().to_owned()),
        registration_token: None,
        login: None,
        now_ms: server.now_ms(),
    };
    Ok(AdminAct::Create(Box::new(account), Box::default()))
}

/// Everything that a request means, in the order in which it is done: all of it or nothing.
async fn acts(
    server: &Server,
    user_id: &UserId,
    account: Option<&Account>,
    change: UserChange,
) -> ApiResult<Vec<AdminAct>> {
    let mut acts = Vec::new();
    if account.is_none() {
        acts.push(making(server, user_id)?);
    }
    let hash = match &change.password {
        Some(password) => Some(server.auth.passwords.hash(&*server.random, password).await?),
        None => None,
    };
    if change.deactivated == Some(false) && account.is_some_and(|account| account.deactivated) {
        acts.push(AdminAct::Reactivate(hash.clone()));
    }
    if let Some(hash) = hash {
        let sign_out = change.logout_devices.unwrap_or(true).then_some(Devices::All);
        acts.push(AdminAct::SetPassword(Some(hash), sign_out));
    }
    for (key, value) in [("displayname", change.displayname), ("avatar_url", change.avatar_url)] {
        if let Some(value) = value {
            let value = profile::checked(key, json!(value))?;
            acts.push(AdminAct::SetProfileField(key.to_owned(), value));
        }
    }
    for (flag, value) in [
        (AccountFlag::Admin, change.admin),
        (AccountFlag::Locked, change.locked),
        (AccountFlag::Suspended, change.suspended),
    ] {
        if let Some(value) = value {
            acts.push(AdminAct::SetFlag(flag, value));
        }
    }
    if change.deactivated == Some(true) {
        acts.push(AdminAct::Deactivate(false));
    }
    Ok(acts)
}

/// `GET /_synapse/admin/v1/users/{userId}/admin`
async fn is_admin(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let account = known(&server, &local(&server, &user_id)?).await?;
    Ok(Json(json!({ "admin": account.is_admin })))
}

#[derive(Deserialize)]
struct SetAdmin {
    admin: bool,
}

/// `PUT /_synapse/admin/v1/users/{userId}/admin`
async fn set_admin(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    Json(request): Json<SetAdmin>,
) -> ApiResult<Response> {
    requester.check_administers()?;
    let user_id = local(&server, &user_id)?;
    if user_id == requester.user_id && !request.admin {
        return Err(ApiError::forbidden("Nobody can do this to their own account."));
    }
    let act = AdminAct::SetFlag(AccountFlag::Admin, request.admin);
    administer_as(&server, &requester, Some(&user_id), vec![act]).await?;
    Ok(empty_object())
}

#[derive(Default, Deserialize)]
struct Deactivate {
    #[serde(default)]
    erase: bool,
}

/// `POST /_synapse/admin/v1/deactivate/{userId}`
async fn deactivate(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    OptionalJson(request): OptionalJson<Deactivate>,
) -> ApiResult<Json<Value>> {
    requester.check_administers()?;
    let user_id = local(&server, &user_id)?;
    let act = AdminAct::Deactivate(request.erase);
    administer_as(&server, &requester, Some(&user_id), vec![act]).await?;
    Ok(Json(json!({ "id_server_unbind_result": "success" })))
}

#[derive(Deserialize)]
struct ResetPassword {
    new_password: String,
    logout_devices: Option<bool>,
}

/// `POST /_synapse/admin/v1/reset_password/{userId}`
async fn reset_password(
    State(server): State<Shared>,
    requester: Requester,
    Path(user_id): Path<String>,
    Json(request): Json<ResetPassword>,
) -> ApiResult<Response> {
    requester.check_administers()?;
    let user_id = local(&server, &user_id)?;
    people::check_password(&server, &user_id, &request.new_password).await?;
    known(&server, &user_id).await?;
    let hash = server.auth.passwords.hash(&*server.random, &request.new_password).await?;
    let sign_out = request.logout_devices.unwrap_or(true).then_some(Devices::All);
    let act = AdminAct::SetPassword(Some(hash), sign_out);
    administer_as(&server, &requester, Some(&user_id), vec![act]).await?;
    Ok(empty_object())
}

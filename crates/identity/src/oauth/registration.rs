// SPDX-License-Identifier: Apache-2.0
//! Clients make themselves known (Client-Server API, "Dynamic client registration flow"; RFC 7591).

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    response::Response,
};
use estafette_core::limits::OAUTH_CLIENT_METADATA_BYTES_MAX;
use estafette_store::{OauthStore as _, oauth::OauthClient};
use http::StatusCode;
use serde_json::{Map, Value};

use super::{
    answer::{OauthError, secret_json},
    base_url::base_url,
    client_metadata::ClientMetadata,
    params::bounded,
};
use crate::Identity;

/// `POST /oauth2/register`
///
/// Equal metadata gives the same `client_id`, as often as it is sent. 201 with what was registered.
pub(super) async fn register(
    State(identity): State<Arc<Identity>>,
    request: Request,
) -> Result<Response, OauthError> {
    let (parts, body) = request.into_parts();
    let body = bounded(body, OAUTH_CLIENT_METADATA_BYTES_MAX).await?;
    let sent: Map<String, Value> = serde_json::from_slice(&body)
        .map_err(|_| OauthError::new("invalid_client_metadata", "The body is no JSON object."))?;
    let base_url = base_url(&identity, &parts)
        .ok_or_else(|| OauthError::invalid_request("The request names no host."))?;
    let metadata = ClientMetadata::check(&sent, &base_url)?;
    let client = OauthClient { client_id: metadata.client_id(), metadata: metadata.to_json() };
    // Whole organisations share an address and one client: only what is new counts.
    if identity.store.oauth_client(&client.client_id).await?.is_none() {
        let address = identity.host.remote_address(&parts);
        identity.host.limit_source(&format!("OAuth registration from {address}"))?;
    }
    if !identity.store.put_oauth_client(client.clone(), identity.host.now_ms()).await? {
        return Err(OauthError::busy());
    }
    let mut answer: Map<String, Value> =
        serde_json::from_str(&client.metadata).map_err(OauthError::internal)?;
    answer.insert("client_id".into(), client.client_id.into());
    Ok(secret_json(StatusCode::CREATED, &Value::Object(answer)))
}

/// A registered client with its id.
pub(crate) struct Client {
    /// Its id.
    pub(crate) client_id: String,
    /// What it registered.
    pub(crate) metadata: ClientMetadata,
}

/// The client of that id. Errors: `invalid_client`.
pub(crate) async fn client(identity: &Identity, client_id: &str) -> Result<Client, OauthError> {
    let client = identity.store.oauth_client(client_id).await?;
    let client = client.ok_or_else(OauthError::unknown_client)?;
    let metadata = ClientMetadata::from_json(&client.metadata)?;
    Ok(Client { client_id: client.client_id, metadata })
}

// SPDX-License-Identifier: Apache-2.0
//! The merged dialect of sliding sync (MSC4186): `POST /_matrix/client/v4/sync`.

use std::collections::BTreeMap;

use estafette_core::{ids::RoomId, limits::ID_BYTES_MAX};
use serde::Deserialize;

use super::request::{Dialect, Extensions, Filters, List, Request, RequiredState, RoomParameters};
use crate::{ApiError, ApiResult};

/// The body. Everything is in it, so that browsers need not ask before each request.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    conn_id: String,
    pub(super) pos: Option<String>,
    #[serde(default)]
    pub(super) timeout: u64,
    pub(super) set_presence: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, ListBody>,
    #[serde(default)]
    room_subscriptions: BTreeMap<RoomId, RoomBody>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Debug, Deserialize)]
struct ListBody {
    range: Option<(u64, u64)>,
    filters: Option<Filters>,
    timeline_limit: u64,
    required_state: RequiredState,
}

#[derive(Debug, Deserialize)]
struct RoomBody {
    timeline_limit: u64,
    required_state: RequiredState,
}

impl Body {
    /// The request that this body means; refused when the key of a list is no opaque identifier.
    pub(super) fn into_request(self) -> ApiResult<Request> {
        if !self.lists.keys().all(|name| is_opaque_identifier(name)) {
            return Err(ApiError::invalid_param("The key of a list is not an opaque identifier."));
        }
        let lists = self.lists.into_iter().map(|(name, list)| {
            let ListBody { range, filters, timeline_limit, required_state } = list;
            let parameters = parameters(timeline_limit, required_state);
            (name, List { ranges: range.map(|range| vec![range]), filters, parameters })
        });
        let subscriptions = self.room_subscriptions.into_iter();
        Ok(Request {
            dialect: Dialect::Merged,
            conn_id: self.conn_id,
            txn_id: None,
            lists: lists.collect(),
            room_subscriptions: subscriptions
                .map(|(room_id, room)| {
                    (room_id, parameters(room.timeline_limit, room.required_state))
                })
                .collect(),
            extensions: self.extensions,
        })
    }
}

fn parameters(timeline_limit: u64, required_state: RequiredState) -> RoomParameters {
    RoomParameters { required_state: vec![required_state], timeline_limit }
}

/// Appendices, "Opaque Identifiers".
fn is_opaque_identifier(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    !text.is_empty() && text.len() <= ID_BYTES_MAX && text.bytes().all(allowed)
}

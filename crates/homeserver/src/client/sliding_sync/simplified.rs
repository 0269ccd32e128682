// SPDX-License-Identifier: Apache-2.0
//! Today's dialect of sliding sync, as clients speak it:
//! `POST /_matrix/client/unstable/org.matrix.simplified_msc3575/sync`.

use std::collections::BTreeMap;

use estafette_core::ids::{RoomId, UserId};
use serde::Deserialize;

use super::request::{
    Dialect, Extensions, Filters, List, Request, RequiredState, RoomParameters, StateElement,
};

/// What stands in the address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Parameters {
    pub(super) pos: Option<String>,
    #[serde(default)]
    pub(super) timeout: u64,
    pub(super) set_presence: Option<String>,
}

/// The body.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Body {
    #[serde(default)]
    conn_id: String,
    txn_id: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, ListBody>,
    #[serde(default)]
    room_subscriptions: BTreeMap<RoomId, RoomBody>,
    #[serde(default)]
    extensions: Extensions,
}

#[derive(Debug, Default, Deserialize)]
struct ListBody {
    ranges: Option<Vec<(u64, u64)>>,
    filters: Option<Filters>,
    #[serde(flatten)]
    room: RoomBody,
}

#[derive(Debug, Default, Deserialize)]
struct RoomBody {
    #[serde(default)]
    required_state: Vec<(String, String)>,
    #[serde(default)]
    timeline_limit: u64,
}

impl Body {
    /// The request that this body means when `own` sends it.
    pub(super) fn into_request(self, own: &UserId) -> Request {
        let lists = self.lists.into_iter().map(|(name, list)| {
            let ListBody { ranges, filters, room } = list;
            (name, List { ranges, filters, parameters: room.into_parameters(own) })
        });
        let subscriptions = self.room_subscriptions.into_iter();
        Request {
            dialect: Dialect::Simplified,
            conn_id: self.conn_id,
            txn_id: self.txn_id,
            lists: lists.collect(),
            room_subscriptions: subscriptions
                .map(|(room_id, room)| (room_id, room.into_parameters(own)))
                .collect(),
            extensions: self.extensions,
        }
    }
}

impl RoomBody {
    /// `$ME` is the user, `$LAZY` of `m.room.member` asks for lazy members, `*` matches everything.
    fn into_parameters(self, own: &UserId) -> RoomParameters {
        let Self { required_state, timeline_limit } = self;
        let mut by_name = RequiredState::default();
        let mut lazy = RequiredState::default();
        for (kind, state_key) in required_state {
            if state_key == "$LAZY" {
                lazy.lazy_members |= matches!(kind.as_str(), "m.room.member" | "*");
                continue;
            }
            let state_key = match state_key.as_str() {
                "*" => None,
                "$ME" => Some(own.as_str().to_owned()),
                _ => Some(state_key),
            };
            let kind = (kind != "*").then_some(kind);
            by_name.include.push(StateElement { kind, state_key });
        }
        let all = [by_name, lazy];
        let required_state =
            all.into_iter().filter(|state| *state != RequiredState::default()).collect();
        RoomParameters { required_state, timeline_limit }
    }
}

// SPDX-License-Identifier: Apache-2.0
//! What a device asks of sliding sync, in today's dialect.

use std::collections::BTreeMap;

use estafette_core::{
    ids::RoomId,
    limits::{SLIDING_LISTS_MAX, SLIDING_REQUIRED_STATE_MAX, SLIDING_SUBSCRIPTIONS_MAX},
};
use serde::Deserialize;

use crate::{ApiError, ApiResult};

/// The whole body.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Request {
    #[serde(default)]
    pub(super) conn_id: String,
    #[serde(default)]
    pub(super) txn_id: Option<String>,
    #[serde(default)]
    pub(super) lists: BTreeMap<String, List>,
    #[serde(default)]
    pub(super) room_subscriptions: BTreeMap<RoomId, RoomParameters>,
    #[serde(default)]
    pub(super) extensions: Extensions,
}

/// A window onto the user's rooms.
#[derive(Debug, Default, Deserialize)]
pub(super) struct List {
    #[serde(default)]
    pub(super) ranges: Vec<(u64, u64)>,
    #[serde(default)]
    pub(super) filters: Option<Filters>,
    #[serde(flatten)]
    pub(super) parameters: RoomParameters,
}

/// What is wanted of each room.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct RoomParameters {
    #[serde(default)]
    pub(super) required_state: Vec<(String, String)>,
    #[serde(default)]
    pub(super) timeline_limit: u64,
    #[serde(default)]
    pub(super) include_heroes: Option<bool>,
}

/// Which rooms a list holds.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Filters {
    pub(super) is_dm: Option<bool>,
    pub(super) is_encrypted: Option<bool>,
    pub(super) is_invite: Option<bool>,
    pub(super) room_types: Option<Vec<Option<String>>>,
    pub(super) not_room_types: Option<Vec<Option<String>>>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) not_tags: Option<Vec<String>>,
    pub(super) spaces: Option<Vec<RoomId>>,
    pub(super) room_name_like: Option<String>,
}

/// The five extensions.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Extensions {
    #[serde(default)]
    pub(super) to_device: ToDevice,
    #[serde(default)]
    pub(super) e2ee: Switch,
    #[serde(default)]
    pub(super) account_data: OfRooms,
    #[serde(default)]
    pub(super) receipts: OfRooms,
    #[serde(default)]
    pub(super) typing: OfRooms,
}

/// MSC3885.
#[derive(Debug, Default, Deserialize)]
pub(super) struct ToDevice {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    pub(super) since: Option<String>,
    pub(super) limit: Option<usize>,
}

/// An extension that is on or off.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Switch {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
}

/// An extension that speaks of rooms: of those named, or of all that the answer speaks of.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OfRooms {
    #[serde(default)]
    pub(super) enabled: Option<bool>,
    pub(super) lists: Option<Vec<String>>,
    pub(super) rooms: Option<Vec<String>>,
}

impl Request {
    /// Bounds (MSC4186: at most 100 lists and 100 subscriptions).
    pub(super) fn check(&self) -> ApiResult<()> {
        if self.lists.len() > SLIDING_LISTS_MAX {
            return Err(ApiError::invalid_param("There are too many lists."));
        }
        if self.room_subscriptions.len() > SLIDING_SUBSCRIPTIONS_MAX {
            return Err(ApiError::invalid_param("There are too many room subscriptions."));
        }
        let of_lists = self.lists.values().map(|list| &list.parameters);
        let too_much = of_lists
            .chain(self.room_subscriptions.values())
            .any(|parameters| parameters.required_state.len() > SLIDING_REQUIRED_STATE_MAX);
        if too_much {
            return Err(ApiError::invalid_param("There are too many entries of required_state."));
        }
        Ok(())
    }
}

impl RoomParameters {
    /// What a room gets that is wanted in two ways: the greater timeline and all the state.
    pub(super) fn join(&mut self, other: &Self) {
        self.timeline_limit = self.timeline_limit.max(other.timeline_limit);
        for entry in &other.required_state {
            if !self.required_state.contains(entry) {
                self.required_state.push(entry.clone());
            }
        }
        if other.include_heroes == Some(true) {
            self.include_heroes = Some(true);
        }
    }

    /// Whether members are wanted lazily.
    pub(super) fn lazy_members(&self) -> bool {
        self.required_state.iter().any(|(kind, key)| kind == "m.room.member" && key == "$LAZY")
    }

    /// Whether a state event is among those wanted.
    pub(super) fn wants(&self, kind: &str, state_key: &str, own: &str) -> bool {
        self.required_state.iter().any(|(wanted_kind, wanted_key)| {
            (wanted_kind == "*" || wanted_kind == kind)
                && match wanted_key.as_str() {
                    "*" => true,
                    "$LAZY" => false,
                    "$ME" => state_key == own,
                    key => key == state_key,
                }
        })
    }
}

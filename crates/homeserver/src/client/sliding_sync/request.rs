// SPDX-License-Identifier: Apache-2.0
//! What a device asks of sliding sync, whatever the dialect in which it asked.

use std::collections::BTreeMap;

use estafette_core::{
    ids::RoomId,
    limits::{SLIDING_LISTS_MAX, SLIDING_REQUIRED_STATE_MAX, SLIDING_SUBSCRIPTIONS_MAX},
};
use serde::Deserialize;

use crate::{ApiError, ApiResult};

/// The names of the answer's members: those of today's clients, or those of the merged MSC4186.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `unstable/org.matrix.simplified_msc3575`.
    #[default]
    Simplified,
    /// `v4`.
    Merged,
}

/// One request.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) dialect: Dialect,
    pub(super) conn_id: String,
    pub(super) txn_id: Option<String>,
    pub(super) lists: BTreeMap<String, List>,
    pub(super) room_subscriptions: BTreeMap<RoomId, RoomParameters>,
    pub(super) extensions: Extensions,
}

/// A window onto the user's rooms.
#[derive(Debug, Default)]
pub(super) struct List {
    /// Which ranks are shown, both ends included; all when absent.
    pub(super) ranges: Option<Vec<(u64, u64)>>,
    pub(super) filters: Option<Filters>,
    pub(super) parameters: RoomParameters,
}

/// What is wanted of each room.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RoomParameters {
    /// State that any of these wants is wanted.
    pub(super) required_state: Vec<RequiredState>,
    pub(super) timeline_limit: u64,
}

/// Which state is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct RequiredState {
    #[serde(default)]
    pub(super) include: Vec<StateElement>,
    #[serde(default)]
    pub(super) exclude: Vec<StateElement>,
    /// Whether of the members only those that the timeline needs are wanted.
    #[serde(default)]
    pub(super) lazy_members: bool,
}

/// A type and a state key of state; what is absent matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct StateElement {
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
    pub(super) state_key: Option<String>,
}

/// Which rooms a list holds.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct Filters {
    pub(super) is_dm: Option<bool>,
    pub(super) is_encrypted: Option<bool>,
    #[serde(alias = "is_invited")]
    pub(super) is_invite: Option<bool>,
    pub(super) room_types: Option<Vec<Option<String>>>,
    pub(super) not_room_types: Option<Vec<Option<String>>>,
    pub(super) tags: Option<Vec<String>>,
    pub(super) not_tags: Option<Vec<String>>,
    pub(super) spaces: Option<Vec<RoomId>>,
    pub(super) room_name_like: Option<String>,
}

/// The five extensions. Others are not known here and not answered.
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
        let too_much = of_lists.chain(self.room_subscriptions.values()).any(|parameters| {
            let elements = parameters.required_state.iter();
            let elements = elements.map(|state| state.include.len() + state.exclude.len());
            elements.sum::<usize>() > SLIDING_REQUIRED_STATE_MAX
        });
        if too_much {
            return Err(ApiError::invalid_param("There are too many entries of required_state."));
        }
        let upside_down = |&(first, last): &(u64, u64)| first > last;
        let mut ranges = self.lists.values().filter_map(|list| list.ranges.as_ref()).flatten();
        if ranges.any(upside_down) {
            return Err(ApiError::invalid_param("The end of a range is before its start."));
        }
        Ok(())
    }
}

impl RoomParameters {
    /// What a room gets that is wanted in two ways: the greater timeline and all the state.
    pub(super) fn join(&mut self, other: &Self) {
        self.timeline_limit = self.timeline_limit.max(other.timeline_limit);
        for state in &other.required_state {
            if !self.required_state.contains(state) {
                self.required_state.push(state.clone());
            }
        }
    }

    /// Whether members are wanted lazily.
    pub(super) fn lazy_members(&self) -> bool {
        self.required_state.iter().any(|state| state.lazy_members)
    }

    /// Whether a state event is among those wanted.
    pub(super) fn wants(&self, kind: &str, state_key: &str) -> bool {
        self.required_state.iter().any(|state| state.wants(kind, state_key))
    }
}

impl RequiredState {
    fn wants(&self, kind: &str, state_key: &str) -> bool {
        let lazy = self.lazy_members && kind == "m.room.member";
        let mut include = self.include.iter();
        // Lazily, a member is wanted by name alone.
        include.any(|element| {
            element.matches(kind, state_key) && !(lazy && element.state_key.is_none())
        }) && !self.exclude.iter().any(|element| element.matches(kind, state_key))
    }
}

impl StateElement {
    fn matches(&self, kind: &str, state_key: &str) -> bool {
        self.kind.as_ref().is_none_or(|wanted| wanted == kind)
            && self.state_key.as_ref().is_none_or(|wanted| wanted == state_key)
    }
}

// SPDX-License-Identifier: Apache-2.0
//! The oracle ruma-state-res.

use std::collections::{BTreeMap, HashMap, HashSet};

use ruma_common::{
    EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId,
    RoomVersionId, UserId, room_version_rules::RoomVersionRules,
};
use ruma_events::{StateEventType, TimelineEventType};
use ruma_state_res::{
    Event, StateMap, auth_types_for_event, check_state_dependent_auth_rules, resolve,
    utils::event_id_set::EventIdSet,
};
use serde_json::value::RawValue;

use crate::rooms::{Pdu, State};

/// A [`Pdu`] as ruma sees it.
#[derive(Debug)]
pub struct RumaPdu {
    event_id: OwnedEventId,
    room_id: Option<OwnedRoomId>,
    sender: OwnedUserId,
    ts: MilliSecondsSinceUnixEpoch,
    kind: TimelineEventType,
    content: Box<RawValue>,
    state_key: String,
    prev_events: Vec<OwnedEventId>,
    auth_events: Vec<OwnedEventId>,
}

impl Event for RumaPdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &OwnedEventId {
        &self.event_id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.room_id.as_deref()
    }

    fn sender(&self) -> &UserId {
        &self.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.ts
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }

    fn content(&self) -> &RawValue {
        &self.content
    }

    fn state_key(&self) -> Option<&str> {
        Some(&self.state_key)
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &OwnedEventId> + '_> {
        Box::new(self.auth_events.iter())
    }

    fn redacts(&self) -> Option<&OwnedEventId> {
        None
    }

    fn rejected(&self) -> bool {
        false
    }
}

/// ruma's view of one room.
pub struct Ruma {
    rules: RoomVersionRules,
    events: HashMap<OwnedEventId, RumaPdu>,
    create: Option<OwnedEventId>,
}

impl Ruma {
    /// An empty room of this version, which ruma must know.
    pub fn new(version: &str) -> Self {
        let version = RoomVersionId::try_from(version).unwrap();
        Self { rules: version.rules().unwrap(), events: HashMap::new(), create: None }
    }

    /// Takes in an event.
    pub fn add(&mut self, pdu: &Pdu) {
        let id = |id: &String| OwnedEventId::try_from(id.as_str()).unwrap();
        let in_v12 = self.rules.authorization.room_create_event_id_as_room_id;
        let is_create = pdu.kind == "m.room.create";
        let room_id = (!(in_v12 && is_create)).then(|| pdu.room_id.as_str().try_into().unwrap());
        if is_create {
            self.create = Some(id(&pdu.event_id));
        }
        let event = RumaPdu {
            event_id: id(&pdu.event_id),
            room_id,
            sender: pdu.sender.as_str().try_into().unwrap(),
            ts: MilliSecondsSinceUnixEpoch(pdu.origin_server_ts.try_into().unwrap()),
            kind: pdu.kind.as_str().into(),
            content: RawValue::from_string(pdu.content.to_string()).unwrap(),
            state_key: pdu.state_key.clone(),
            prev_events: pdu.prev_events.iter().map(id).collect(),
            auth_events: pdu.auth_events.iter().map(id).collect(),
        };
        self.events.insert(event.event_id.clone(), event);
    }

    /// The auth events that an event like this must have in `state`.
    pub fn select_auth_events(&self, pdu: &Pdu, state: &State) -> Vec<String> {
        let content = RawValue::from_string(pdu.content.to_string()).unwrap();
        let sender: OwnedUserId = pdu.sender.as_str().try_into().unwrap();
        let kind = TimelineEventType::from(pdu.kind.as_str());
        let rules = &self.rules.authorization;
        let types = auth_types_for_event(&kind, &sender, Some(&pdu.state_key), &content, rules);
        let types = types.unwrap();
        let get =
            |(kind, key): (StateEventType, String)| state.get(&(kind.to_string(), key)).cloned();
        types.into_iter().filter_map(get).collect()
    }

    /// Whether the rules allow an event, which must have been added, in `state`.
    pub fn allows(&self, event_id: &str, state: &State) -> bool {
        let event = &self.events[<&EventId>::try_from(event_id).unwrap()];
        let fetch = |kind: &StateEventType, key: &str| {
            let id = state.get(&(kind.to_string(), key.to_owned()))?;
            self.events.get(<&EventId>::try_from(id.as_str()).unwrap())
        };
        check_state_dependent_auth_rules(&self.rules.authorization, event, fetch).is_ok()
    }

    fn chain(&self, events: impl IntoIterator<Item = OwnedEventId>) -> HashSet<OwnedEventId> {
        let mut waiting: Vec<OwnedEventId> = events.into_iter().collect();
        let mut chain = HashSet::new();
        while let Some(event) = waiting.pop() {
            if chain.insert(event.clone()) {
                waiting.extend(self.events[&event].auth_events.iter().cloned());
            }
        }
        chain
    }

    /// The conflicted subgraph, by the definition: what can be reached from a conflicted event
    /// and reaches one.
    fn subgraph(&self, conflicted: Vec<OwnedEventId>) -> EventIdSet<OwnedEventId> {
        let ends: HashSet<OwnedEventId> = conflicted.iter().cloned().collect();
        let reachable = self.chain(conflicted);
        let leads = |event: &&OwnedEventId| {
            let below = self.chain([(*event).clone()]);
            below.iter().any(|event| ends.contains(event))
        };
        let mut subgraph = EventIdSet::new();
        for event in reachable.iter().filter(leads) {
            subgraph.insert(event.clone());
        }
        subgraph
    }

    /// What resolution needs, ready to be timed.
    pub fn prepare(&self, states: &[State]) -> Prepared {
        let mut maps = Vec::new();
        let mut chains = Vec::new();
        for state in states {
            let id = |id: &String| OwnedEventId::try_from(id.as_str()).unwrap();
            let entry = |((kind, key), event): (&(String, String), &String)| {
                ((StateEventType::from(kind.as_str()), key.clone()), id(event))
            };
            let map: StateMap<OwnedEventId> = state.iter().map(entry).collect();
            let mut chain = EventIdSet::new();
            for event in self.chain(map.values().cloned()) {
                chain.insert(event);
            }
            maps.push(map);
            chains.push(chain);
        }
        Prepared { maps, chains }
    }

    /// Resolves, into the common form.
    pub fn resolve(&self, prepared: Prepared) -> Result<State, String> {
        let name = |((kind, key), event): ((StateEventType, String), OwnedEventId)| {
            ((kind.to_string(), key), event.to_string())
        };
        Ok(self.resolve_prepared(prepared)?.into_iter().map(name).collect::<BTreeMap<_, _>>())
    }

    /// Resolves, and nothing else.
    pub fn resolve_prepared(&self, prepared: Prepared) -> Result<StateMap<OwnedEventId>, String> {
        let rules = self.rules.state_res.v2_rules().ok_or("version 1 is not there")?;
        resolve(
            &self.rules.authorization,
            rules,
            &prepared.maps,
            prepared.chains,
            |event| self.events.get(event),
            |conflicted| Some(self.subgraph(conflicted.values().flatten().cloned().collect())),
        )
        .map_err(|error| error.to_string())
    }
}

/// States and their auth chains in ruma's form.
#[derive(Clone)]
pub struct Prepared {
    maps: Vec<StateMap<OwnedEventId>>,
    chains: Vec<EventIdSet<OwnedEventId>>,
}

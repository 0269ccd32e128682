# SPDX-License-Identifier: Apache-2.0
"""Asks Synapse's resolver: one JSON request a line on stdin, one JSON answer a line on stdout.

A request has `version`, `events` (a list of {event_id, json, rejected}) which stay known until
a request with `reset`, and `sets` (lists of event ids). The answer is the sorted list of the
event ids of the resolved state, or {"error": text}.
"""

import asyncio
import json
import sys

import synapse.server  # noqa: F401: breaks the import cycle of synapse.state.
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.state import v1, v2


class Difference:
    def __init__(self, auth_difference, conflicted_subgraph):
        self.auth_difference = auth_difference
        self.conflicted_subgraph = conflicted_subgraph


class Event:
    def __init__(self, version, event_id, pdu, rejected, create_id):
        self.room_version = version
        self.event_id = event_id
        self.type = pdu["type"]
        self.state_key = pdu["state_key"]
        self.sender = pdu["sender"]
        self.content = pdu["content"]
        self.origin_server_ts = pdu["origin_server_ts"]
        self.depth = pdu["depth"]
        self.room_id = "!room:example.org"
        self.rejected_reason = "rejected" if rejected else None
        self.signatures = pdu.get("signatures", {})
        ids = lambda name: [e if isinstance(e, str) else e[0] for e in pdu[name]]
        self._auth = ids("auth_events")
        self._prev = ids("prev_events")
        # From version 12 on the create event is implied.
        if version.msc4291_room_ids_as_hashes and self.type != "m.room.create":
            self._auth = self._auth + [create_id]

    @property
    def user_id(self):
        return self.sender

    @property
    def membership(self):
        return self.content["membership"]

    def is_state(self):
        return True

    def get_state_key(self):
        return self.state_key

    def get(self, name, default=None):
        return getattr(self, name, default)

    def auth_event_ids(self):
        return self._auth

    def prev_event_ids(self):
        return self._prev


class Clock:
    async def sleep(self, _duration):
        pass


class Store:
    def __init__(self, events):
        self.events = events

    async def get_events(self, event_ids, allow_rejected=False):
        return {e: self.events[e] for e in event_ids if e in self.events}

    def chain(self, event_ids):
        seen, waiting = set(event_ids), list(event_ids)
        while waiting:
            for auth in self.events[waiting.pop()].auth_event_ids():
                if auth not in seen:
                    seen.add(auth)
                    waiting.append(auth)
        return seen

    async def get_auth_chain_difference(self, _room_id, state_sets, conflicted, _additional):
        chains = [self.chain(s) for s in state_sets]
        difference = set().union(*chains) - set.intersection(*chains)
        if conflicted is None:
            return Difference(difference, None)
        reachable = self.chain(conflicted)
        leads = set(conflicted)
        changed = True
        while changed:
            changed = False
            for event in reachable - leads:
                if any(auth in leads for auth in self.events[event].auth_event_ids()):
                    leads.add(event)
                    changed = True
        return Difference(difference, leads)


async def resolve(version, events, sets):
    maps = [{(events[e].type, events[e].state_key): e for e in s} for s in sets]
    room_id = "!room:example.org"
    if version.identifier == "1":
        async def fetch(event_ids):
            return {e: events[e] for e in event_ids}
        return await v1.resolve_events_with_store(room_id, version, maps, None, fetch)
    return await v2.resolve_events_with_store(
        Clock(), room_id, version, maps, None, Store(events)
    )


def main():
    events, create_id = {}, None
    for line in sys.stdin:
        request = json.loads(line)
        version = KNOWN_ROOM_VERSIONS[request["version"]]
        if request.get("reset"):
            events, create_id = {}, None
        for item in request["events"]:
            pdu = item["json"]
            if pdu["type"] == "m.room.create":
                create_id = item["event_id"]
            events[item["event_id"]] = Event(
                version, item["event_id"], pdu, item["rejected"], create_id
            )
        try:
            state = asyncio.run(resolve(version, events, request["sets"]))
            answer = sorted(dict(state).values())
        except Exception as error:  # noqa: BLE001: the caller wants every failure in words.
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Asks Synapse about every authorisation fixture and prints where it answers otherwise.

    AUTH_FIXTURES=/tmp/cases cargo test -p estafette-core auth::tests
    python auth_fixtures.py /tmp/cases
"""

import json
import sys
from collections import Counter

from synapse import event_auth
from synapse.api.errors import AuthError, SynapseError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.events import make_event_from_dict


def event(version, fields, event_id, ids, room_ids):
    """An event as Synapse holds it. Where ids are hashes it has another one than in the fixture,
    which `ids` and `room_ids` remember."""
    fields = {
        "auth_events": [], "prev_events": [], "depth": 1, "origin_server_ts": 1,
        "hashes": {}, "signatures": {}, **fields,
    }
    fields["prev_events"] = [ids.get(edge, edge) for edge in fields["prev_events"]]
    if "room_id" in fields:
        fields["room_id"] = room_ids.get(fields["room_id"], fields["room_id"])
    if version.identifier in ("1", "2"):
        fields["event_id"] = event_id
        fields["prev_events"] = [[edge, {}] for edge in fields["prev_events"]]
    made = make_event_from_dict(fields, version)
    ids[event_id] = made.event_id
    if version.identifier == "12" and made.type == "m.room.create":
        room_ids["!" + event_id[1:]] = made.room_id
    return made


def verdict(case):
    version = KNOWN_ROOM_VERSIONS[case["version"]]
    ids, room_ids = {}, {}
    creates_first = sorted(case["state"], key=lambda each: each["json"]["type"] != "m.room.create")
    state = [
        event(version, each["json"], each["event_id"], ids, room_ids) for each in creates_first
    ]
    fields = {key: case[key] for key in ("sender", "type", "content", "prev_events")}
    for key in ("state_key", "room_id", "redacts"):
        if case[key] is not None:
            fields[key] = case[key]
    candidate = event(version, fields, case["event_id"], ids, room_ids)
    try:
        if candidate.type == "m.room.create":
            event_auth._check_create(candidate)
        else:
            event_auth.check_state_dependent_auth_rules(candidate, state)
    except (AuthError, SynapseError, ValueError, TypeError, KeyError, AttributeError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def main(path):
    counts = Counter()
    for line in open(path, encoding="utf-8"):
        case = json.loads(line)
        theirs = verdict(case)
        same = (theirs is None) == (case["verdict"] is None)
        counts["same" if same else "different"] += 1
        if not same:
            kinds = [(each["json"]["type"], each["json"]["content"]) for each in case["state"]]
            print(case["version"], case["sender"], case["type"], case["state_key"],
                  json.dumps(case["content"]), "| ours:", case["verdict"], "| theirs:", theirs,
                  "|", kinds)
    print(dict(counts))


if __name__ == "__main__":
    main(sys.argv[1])

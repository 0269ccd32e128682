# SPDX-License-Identifier: Apache-2.0
"""Asks Synapse what it makes of events: one JSON request a line on stdin, one answer a line.

A request has `version` and `event`, the event's JSON as a text. The answer has `event_id`,
`redacted` (without `unsigned`), `content_hash` and whether the event's own hash is right, or
{"error": text} when Synapse takes it for no event at all.
"""

import hashlib
import json
import sys

import synapse.server  # noqa: F401: breaks an import cycle.
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.crypto.event_signing import check_event_content_hash, compute_content_hash
from synapse.events.utils import prune_event
from synapse.federation.federation_base import event_from_pdu_json
from synapse.util.json import json_decoder
from unpaddedbase64 import encode_base64


def answer(request):
    version = KNOWN_ROOM_VERSIONS[request["version"]]
    fields = json_decoder.decode(request["event"])
    made = event_from_pdu_json(fields, version)
    redacted = prune_event(made).get_pdu_json()
    redacted.pop("unsigned", None)
    whole = made.get_pdu_json()
    whole.pop("unsigned", None)
    _, content_hash = compute_content_hash(dict(whole), hashlib.sha256)
    return {
        "event_id": made.event_id,
        "redacted": redacted,
        "content_hash": encode_base64(content_hash),
        "hash_is_right": check_event_content_hash(made),
    }


def main():
    for line in sys.stdin:
        try:
            said = answer(json.loads(line))
        except Exception as error:  # noqa: BLE001: the caller wants every failure in words.
            said = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()

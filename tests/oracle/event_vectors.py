# SPDX-License-Identifier: Apache-2.0
"""Writes event vectors: what Synapse computes for events of every room version."""
import json, random
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS as K
from synapse.events import make_event_from_dict
from synapse.events.utils import prune_event
from synapse.crypto.event_signing import compute_content_hash, compute_event_reference_hash, compute_event_signature, add_hashes_and_signatures
from signedjson.key import decode_signing_key_base64
from unpaddedbase64 import encode_base64
import hashlib
key = decode_signing_key_base64("ed25519", "1", "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1")
contents = {
 "m.room.message": {"body": "é\n\u2028\"\\\u007f", "n": -9007199254740991, "nested": {"z": [True, None, {}], "a": []}, "redacts": "$x"},
 "m.room.member": {"membership": "join", "displayname": "日本", "avatar_url": "mxc://a/b", "reason": "r", "join_authorised_via_users_server": "@a:domain", "third_party_invite": {"display_name": "x", "signed": {"mxid": "@a:domain", "token": "t", "signatures": {}}}},
 "m.room.create": {"creator": "@a:domain", "room_version": "1", "m.federate": False, "type": "m.space", "predecessor": {"room_id": "!a:b", "event_id": "$c"}},
 "m.room.join_rules": {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!a:b"}], "other": 1},
 "m.room.power_levels": {"ban": 1, "events": {"a": 2}, "events_default": 3, "kick": 4, "redact": 5, "state_default": 6, "users": {"@a:domain": 7}, "users_default": 8, "invite": 9, "notifications": {"room": 10}},
 "m.room.aliases": {"aliases": ["#a:domain"], "x": 1},
 "m.room.history_visibility": {"history_visibility": "shared", "x": 1},
 "m.room.redaction": {"redacts": "$target", "reason": "spam"},
 "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
}
out = []
for v in map(str, range(1, 13)):
    rv = K[v]
    for kind, content in contents.items():
        e = {"type": kind, "content": content, "sender": "@a:domain", "origin_server_ts": 1432735824653, "depth": 12,
             "origin": "domain", "prev_state": [], "membership": "join", "extra": {"kept": "by hash only"}}
        ids = ["$aaa:domain", "$bbb:domain"] if v in ("1", "2") else ["$acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk"]
        e["prev_events"] = [[i, {"sha256": "x"}] for i in ids] if v in ("1", "2") else ids
        e["auth_events"] = [] if kind == "m.room.create" else e["prev_events"]
        if kind == "m.room.create": e["prev_events"] = []
        if v in ("1", "2"): e["event_id"] = "$id:domain"
        if not (v == "12" and kind == "m.room.create"): e["room_id"] = "!r:domain" if v != "12" else "!acR1l0raoZnm60CBwAVgqbZqoO_mYU81xysh1u7XcJk"
        if kind not in ("m.room.message", "m.room.redaction"): e["state_key"] = "@a:domain" if kind == "m.room.member" else ("domain" if kind == "m.room.aliases" else "")
        if kind == "m.room.redaction": e["redacts"] = "$target:domain"
        add_hashes_and_signatures(rv, e, "domain", key)
        ev = make_event_from_dict(e, rv)
        out.append({"version": v, "event": e, "event_id": ev.event_id, "redacted": prune_event(ev).get_pdu_json()})
        # canonical signature object check is implied by "signatures"
for o in out: o["redacted"].pop("unsigned", None)
print("[\n" + ",\n".join(json.dumps(o, ensure_ascii=False, sort_keys=True, separators=(",", ":")) for o in out) + "\n]")

-- Rooms. `extremities` is a JSON array of [event_id, depth].
CREATE TABLE room (
    nid          INTEGER PRIMARY KEY,
    room_id      TEXT    NOT NULL UNIQUE,
    version      TEXT    NOT NULL,
    extremities  TEXT    NOT NULL,
    last_pos     INTEGER NOT NULL,
    is_public    INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX room_public ON room (nid) WHERE is_public = 1;

-- Every event, in the order in which this server accepted it: for live events `nid` is the event's
-- position in the one log. Appended, hardly ever changed (redaction replaces `json`).
-- `replaces` is the state event whose place a state event took.
-- flags: 1 rejected, 2 soft-failed, 4 notifies by the default push rules, 8 is an edit,
-- 16 is in a thread (and so not in the main timeline's counts), 32 redacted, 64 highlights all.
CREATE TABLE event (
    nid          INTEGER PRIMARY KEY,
    room_nid     INTEGER NOT NULL,
    event_id     TEXT    NOT NULL,
    flags        INTEGER NOT NULL,
    redacted_by  INTEGER,
    replaces     INTEGER,
    device_nid   INTEGER,
    txn_path     INTEGER,
    txn_id       TEXT,
    json         TEXT    NOT NULL
) STRICT;
CREATE UNIQUE INDEX event_by_id ON event (event_id);
CREATE UNIQUE INDEX event_by_txn ON event (device_nid, txn_id, txn_path) WHERE txn_id IS NOT NULL;

-- The timeline of each room: what `/messages` walks and `/sync` catches up with.
CREATE TABLE timeline (
    room_nid  INTEGER NOT NULL,
    nid       INTEGER NOT NULL,
    flags     INTEGER NOT NULL,
    PRIMARY KEY (room_nid, nid)
) STRICT, WITHOUT ROWID;

-- What the room's state became, and when. Between two rows of a key the earlier one holds, so the
-- state at any position of a linear stretch is a range query.
CREATE TABLE state_change (
    room_nid   INTEGER NOT NULL,
    type       TEXT    NOT NULL,
    state_key  TEXT    NOT NULL,
    nid        INTEGER NOT NULL,
    event_nid  INTEGER NOT NULL,
    PRIMARY KEY (room_nid, type, state_key, nid)
) STRICT, WITHOUT ROWID;
CREATE INDEX state_change_by_pos ON state_change (room_nid, nid);

-- The state now, for loading a room without walking its past.
CREATE TABLE current_state (
    room_nid   INTEGER NOT NULL,
    type       TEXT    NOT NULL,
    state_key  TEXT    NOT NULL,
    event_nid  INTEGER NOT NULL,
    PRIMARY KEY (room_nid, type, state_key)
) STRICT, WITHOUT ROWID;

-- Each user's latest membership of each room, and since when somebody who is in it is. `forgotten` rooms are in no list any more.
CREATE TABLE membership (
    user_id     TEXT    NOT NULL,
    room_nid    INTEGER NOT NULL,
    membership  TEXT    NOT NULL,
    event_nid   INTEGER NOT NULL,
    joined_nid  INTEGER NOT NULL DEFAULT 0,
    forgotten   INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, room_nid)
) STRICT, WITHOUT ROWID;
CREATE INDEX membership_by_room ON membership (room_nid, membership);

-- Who relates to whom. The parent may be unknown here, hence its id.
CREATE TABLE relation (
    parent_id  TEXT    NOT NULL,
    rel_type   TEXT    NOT NULL,
    nid        INTEGER NOT NULL,
    room_nid   INTEGER NOT NULL,
    type       TEXT    NOT NULL,
    sender     TEXT    NOT NULL,
    PRIMARY KEY (parent_id, rel_type, nid)
) STRICT, WITHOUT ROWID;
CREATE INDEX relation_by_room ON relation (room_nid, nid);

CREATE TABLE room_alias (
    alias    TEXT NOT NULL PRIMARY KEY,
    room_id  TEXT NOT NULL,
    creator  TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX room_alias_by_room ON room_alias (room_id);

-- Read receipts; `thread` is '' for unthreaded ones. Only the latest of each kind is kept.
CREATE TABLE receipt (
    room_nid  INTEGER NOT NULL,
    user_id   TEXT    NOT NULL,
    kind      TEXT    NOT NULL,
    thread    TEXT    NOT NULL,
    event_id  TEXT    NOT NULL,
    event_nid INTEGER NOT NULL,
    ts        INTEGER NOT NULL,
    pos       INTEGER NOT NULL,
    PRIMARY KEY (room_nid, user_id, kind, thread)
) STRICT, WITHOUT ROWID;
CREATE INDEX receipt_by_pos ON receipt (room_nid, pos);

-- Who was highlighted by what: the only rows per person that an event may cost.
CREATE TABLE highlight (
    user_id   TEXT    NOT NULL,
    room_nid  INTEGER NOT NULL,
    nid       INTEGER NOT NULL,
    PRIMARY KEY (user_id, room_nid, nid)
) STRICT, WITHOUT ROWID;

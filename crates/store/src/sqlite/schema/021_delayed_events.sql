-- Events that are to be sent later (MSC4140). A row stays for a while after its end, so that a
-- repeated request finds the first answer. state: 0 waits, 1 was sent, 2 was given up.
CREATE TABLE delayed_event (
    nid               INTEGER PRIMARY KEY,
    delay_id          TEXT    NOT NULL UNIQUE,
    user_id           TEXT    NOT NULL,
    device_nid        INTEGER,
    txn_path          INTEGER,
    txn_id            TEXT,
    room_id           TEXT    NOT NULL,
    type              TEXT    NOT NULL,
    state_key         TEXT,
    content           TEXT    NOT NULL,
    origin_server_ts  INTEGER,
    delay_ms          INTEGER NOT NULL,
    since_ms          INTEGER NOT NULL,
    due_ms            INTEGER NOT NULL,
    state             INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX delayed_event_due ON delayed_event (due_ms, nid) WHERE state = 0;
CREATE INDEX delayed_event_by_user ON delayed_event (user_id, state);
CREATE INDEX delayed_event_by_state ON delayed_event (room_id, type, state_key)
    WHERE state = 0 AND state_key IS NOT NULL;
CREATE UNIQUE INDEX delayed_event_by_txn ON delayed_event (device_nid, txn_id, txn_path)
    WHERE txn_id IS NOT NULL;

-- Rooms that application services list for their networks, apart from this server's own list.
CREATE TABLE network_room (
    appservice_id TEXT    NOT NULL,
    network_id    TEXT    NOT NULL,
    room_nid      INTEGER NOT NULL REFERENCES room (nid),
    PRIMARY KEY (appservice_id, network_id, room_nid)
) STRICT, WITHOUT ROWID;

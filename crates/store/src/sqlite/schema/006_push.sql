-- Where to send a user's notifications. `device_id` is the device that made it (E10, MSC3881).
CREATE TABLE pusher (
    nid                  INTEGER PRIMARY KEY,
    user_id              TEXT    NOT NULL,
    app_id               TEXT    NOT NULL,
    pushkey              TEXT    NOT NULL,
    kind                 TEXT    NOT NULL,
    app_display_name     TEXT    NOT NULL,
    device_display_name  TEXT    NOT NULL,
    profile_tag          TEXT,
    lang                 TEXT    NOT NULL,
    data                 TEXT    NOT NULL,
    enabled              INTEGER NOT NULL,
    device_id            TEXT,
    set_ts               INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX pusher_by_key ON pusher (pushkey, app_id, user_id);
CREATE INDEX pusher_by_user ON pusher (user_id);

-- Every event up to `pos` was delivered to every pusher that it concerns, or waits in the outbox.
CREATE TABLE push_progress (pos INTEGER NOT NULL) STRICT;
INSERT INTO push_progress SELECT pos FROM head;

-- Notifications that their gateway has not accepted yet. `pos` is the event's position.
CREATE TABLE push_outbox (
    pusher_nid  INTEGER NOT NULL,
    pos         INTEGER NOT NULL,
    room_id     TEXT    NOT NULL,
    event_id    TEXT    NOT NULL,
    tweaks      TEXT    NOT NULL,
    ts          INTEGER NOT NULL,
    PRIMARY KEY (pusher_nid, pos)
) STRICT, WITHOUT ROWID;

-- How far each application service has been told, and the transaction that waits for its answer:
-- a retry must carry the same events under the same id.
CREATE TABLE appservice_progress (
    appservice_id  TEXT    NOT NULL PRIMARY KEY,
    pos            INTEGER NOT NULL,
    txn_id         INTEGER NOT NULL,
    pending        TEXT,
    pending_pos    INTEGER
) STRICT, WITHOUT ROWID;

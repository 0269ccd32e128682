-- What users reported, for those who moderate.
CREATE TABLE report (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    received_ms  INTEGER NOT NULL,
    reporter     TEXT    NOT NULL,
    room_id      TEXT,
    event_id     TEXT,
    user_id      TEXT,
    reason       TEXT    NOT NULL,
    score        INTEGER
) STRICT;

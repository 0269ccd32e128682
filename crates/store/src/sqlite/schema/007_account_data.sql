-- What clients keep for themselves. `room_id` is '' for global data. `content` is NULL once deleted:
-- the row stays so that a sync can tell of the deletion.
CREATE TABLE account_data (
    user_id  TEXT    NOT NULL,
    room_id  TEXT    NOT NULL,
    type     TEXT    NOT NULL,
    pos      INTEGER NOT NULL,
    content  TEXT,
    PRIMARY KEY (user_id, room_id, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_data_by_pos ON account_data (user_id, pos);

-- Uploaded filters; equal ones of a user share an id.
CREATE TABLE filter (
    user_id    TEXT    NOT NULL,
    filter_id  INTEGER NOT NULL,
    sha256     BLOB    NOT NULL,
    json       TEXT    NOT NULL,
    PRIMARY KEY (user_id, filter_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX filter_by_hash ON filter (user_id, sha256);

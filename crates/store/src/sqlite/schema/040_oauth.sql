-- The OAuth 2.0 API: clients, what they wait for, and which devices they were given.

-- `client_id` follows from the metadata, so equal clients share a row.
CREATE TABLE oauth_client (
    client_id   TEXT    NOT NULL PRIMARY KEY,
    metadata    TEXT    NOT NULL,
    used_ts     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_client_by_use ON oauth_client (used_ts);

-- Authorisation codes as their SHA-256. `spent`: presented once; `session_nid` is what it gave.
-- Spent ones stay until the next day, so that their reuse is noticed.
CREATE TABLE oauth_code (
    sha256          BLOB    NOT NULL PRIMARY KEY,
    user_id         TEXT    NOT NULL,
    client_id       TEXT    NOT NULL,
    redirect_uri    TEXT    NOT NULL,
    scope           TEXT    NOT NULL,
    device_id       TEXT    NOT NULL,
    device_name     TEXT,
    code_challenge  TEXT    NOT NULL,
    expires_ts      INTEGER NOT NULL,
    spent           INTEGER NOT NULL DEFAULT 0,
    session_nid     INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_code_by_user ON oauth_code (user_id, spent);
CREATE INDEX oauth_code_by_expiry ON oauth_code (expires_ts);
CREATE INDEX oauth_code_by_client ON oauth_code (client_id);

-- Device grants under way (RFC 8628). Both codes as their SHA-256. `decision`: NULL until somebody
-- decided, 1 allowed by `user_id`, 0 denied.
CREATE TABLE oauth_device_grant (
    device_code  BLOB    NOT NULL PRIMARY KEY,
    user_code    BLOB    NOT NULL UNIQUE,
    client_id    TEXT    NOT NULL,
    scope        TEXT    NOT NULL,
    device_id    TEXT    NOT NULL,
    device_name  TEXT,
    expires_ts   INTEGER NOT NULL,
    interval_ms  INTEGER NOT NULL,
    polled_ts    INTEGER,
    decision     INTEGER,
    user_id      TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_device_grant_by_expiry ON oauth_device_grant (expires_ts);
CREATE INDEX oauth_device_grant_by_user ON oauth_device_grant (user_id);
CREATE INDEX oauth_device_grant_by_client ON oauth_device_grant (client_id);

-- The client that a device's tokens were given to; gone with the tokens.
CREATE TABLE oauth_session (
    nid         INTEGER PRIMARY KEY AUTOINCREMENT,
    device_nid  INTEGER NOT NULL UNIQUE,
    client_id   TEXT    NOT NULL,
    scope       TEXT    NOT NULL,
    created_ts  INTEGER NOT NULL
) STRICT;
CREATE INDEX oauth_session_by_client ON oauth_session (client_id);

-- Leave to replace one's cross-signing keys once (`m.oauth`). `device_id` is '' for any device.
CREATE TABLE cross_signing_approval (
    user_id     TEXT    NOT NULL,
    device_id   TEXT    NOT NULL,
    expires_ts  INTEGER NOT NULL,
    PRIMARY KEY (user_id, device_id)
) STRICT, WITHOUT ROWID;

-- People, their devices, tokens and profiles.

-- `password_hash` is a PHC string; NULL means that no password is accepted, never that none is needed.
CREATE TABLE account (
    nid            INTEGER PRIMARY KEY,
    user_id        TEXT    NOT NULL UNIQUE,
    password_hash  TEXT,
    appservice_id  TEXT,
    is_admin       INTEGER NOT NULL DEFAULT 0,
    locked         INTEGER NOT NULL DEFAULT 0,
    suspended      INTEGER NOT NULL DEFAULT 0,
    deactivated    INTEGER NOT NULL DEFAULT 0,
    erased         INTEGER NOT NULL DEFAULT 0,
    created_ts     INTEGER NOT NULL
) STRICT;

-- Numbers are never used again: transactions and queues of a deleted device must not become those of
-- the next one. `generation` counts the token pairs that the device has taken into use.
CREATE TABLE device (
    nid              INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id          TEXT    NOT NULL,
    device_id        TEXT    NOT NULL,
    display_name     TEXT,
    created_ts       INTEGER NOT NULL,
    generation       INTEGER NOT NULL DEFAULT 0,
    seen_ts          INTEGER,
    seen_ip          TEXT,
    seen_user_agent  TEXT,
    UNIQUE (user_id, device_id)
) STRICT;

-- Tokens as their SHA-256. A pair of a generation above its device's waits to be taken into use.
CREATE TABLE access_token (
    sha256      BLOB    NOT NULL PRIMARY KEY,
    device_nid  INTEGER NOT NULL,
    generation  INTEGER NOT NULL,
    expires_ts  INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX access_token_by_device ON access_token (device_nid);

-- Used ones stay for a while, so that their reuse is noticed.
CREATE TABLE refresh_token (
    sha256      BLOB    NOT NULL PRIMARY KEY,
    device_nid  INTEGER NOT NULL,
    generation  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_token_by_device ON refresh_token (device_nid, generation);

-- Invitations to register. NULL: without that bound.
CREATE TABLE registration_token (
    token         TEXT    NOT NULL PRIMARY KEY,
    uses_allowed  INTEGER,
    used          INTEGER NOT NULL DEFAULT 0,
    expires_ts    INTEGER
) STRICT, WITHOUT ROWID;

-- `value` is JSON.
CREATE TABLE profile_field (
    account_nid  INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    value        TEXT    NOT NULL,
    PRIMARY KEY (account_nid, name)
) STRICT, WITHOUT ROWID;

-- Who can be found: the name (else the localpart), and each word of name and localpart, folded.
CREATE TABLE directory_entry (
    account_nid  INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL
) STRICT;
CREATE INDEX directory_entry_by_name ON directory_entry (name);
CREATE TABLE directory_word (
    word         TEXT    NOT NULL,
    account_nid  INTEGER NOT NULL,
    PRIMARY KEY (word, account_nid)
) STRICT, WITHOUT ROWID;
CREATE INDEX directory_word_by_account ON directory_word (account_nid, word);

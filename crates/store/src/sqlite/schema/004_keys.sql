-- Everything of a device hangs on `device_nid`, so that deleting the device deletes it (E10). Device
-- numbers grow, hence a new device appends to every table that leads with them.

-- Identity keys as uploaded. `identity` is the canonical form of their `keys`: when it changes, the
-- device was reset and its one-time keys are worthless.
CREATE TABLE device_keys (
    device_nid  INTEGER PRIMARY KEY,
    identity    TEXT NOT NULL,
    json        TEXT NOT NULL
) STRICT;

-- One-time keys that wait to be claimed, in upload order.
CREATE TABLE one_time_key (
    device_nid  INTEGER NOT NULL,
    algorithm   TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    key_id      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    json        TEXT    NOT NULL,
    PRIMARY KEY (device_nid, algorithm, seq)
) STRICT, WITHOUT ROWID;

-- What was given away, as the first 64 bits of a hash: never to be given again (I3).
CREATE TABLE issued_key (
    device_nid  INTEGER NOT NULL,
    hash        INTEGER NOT NULL,
    PRIMARY KEY (device_nid, hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE fallback_key (
    device_nid  INTEGER NOT NULL,
    algorithm   TEXT    NOT NULL,
    key_id      TEXT    NOT NULL,
    key         TEXT    NOT NULL,
    json        TEXT    NOT NULL,
    used        INTEGER NOT NULL,
    PRIMARY KEY (device_nid, algorithm)
) STRICT, WITHOUT ROWID;

-- usage: 0 master, 1 self-signing, 2 user-signing.
CREATE TABLE cross_signing_key (
    user_id     TEXT    NOT NULL,
    usage       INTEGER NOT NULL,
    public_key  TEXT    NOT NULL,
    json        TEXT    NOT NULL,
    PRIMARY KEY (user_id, usage)
) STRICT, WITHOUT ROWID;

-- Signatures that came by /keys/signatures/upload. `target_key` is a device id or a public key.
CREATE TABLE key_signature (
    signer       TEXT    NOT NULL,
    target       TEXT    NOT NULL,
    target_key   TEXT    NOT NULL,
    signing_key  TEXT    NOT NULL,
    signature    TEXT    NOT NULL,
    pos          INTEGER NOT NULL,
    PRIMARY KEY (signer, target, target_key, signing_key)
) STRICT, WITHOUT ROWID;

-- When each user's devices or cross-signing keys changed last (E6).
CREATE TABLE device_list_change (
    pos      INTEGER PRIMARY KEY,
    user_id  TEXT NOT NULL UNIQUE
) STRICT;

-- Versions of key backups. A deleted one stays as a mark, so that its number is not used again.
CREATE TABLE key_backup (
    nid        INTEGER PRIMARY KEY,
    user_id    TEXT    NOT NULL,
    version    INTEGER NOT NULL,
    algorithm  TEXT    NOT NULL,
    auth_data  TEXT    NOT NULL,
    etag       INTEGER NOT NULL DEFAULT 0,
    count      INTEGER NOT NULL DEFAULT 0,
    deleted    INTEGER NOT NULL DEFAULT 0,
    UNIQUE (user_id, version)
) STRICT;

CREATE TABLE key_backup_session (
    backup_nid           INTEGER NOT NULL,
    room_id              TEXT    NOT NULL,
    session_id           TEXT    NOT NULL,
    first_message_index  INTEGER NOT NULL,
    forwarded_count      INTEGER NOT NULL,
    is_verified          INTEGER NOT NULL,
    session_data         TEXT    NOT NULL,
    PRIMARY KEY (backup_nid, room_id, session_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE dehydrated_device (
    user_id      TEXT    NOT NULL PRIMARY KEY,
    device_nid   INTEGER NOT NULL,
    device_data  TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

-- Messages that wait for their device, appended; `pos` is their place in the one log.
CREATE TABLE to_device (
    pos         INTEGER PRIMARY KEY,
    device_nid  INTEGER NOT NULL,
    json        TEXT    NOT NULL
) STRICT;
CREATE INDEX to_device_by_device ON to_device (device_nid);

-- Which sendToDevice requests were carried out, by half a SHA-256 of path and transaction id.
CREATE TABLE to_device_txn (
    device_nid  INTEGER NOT NULL,
    hash        BLOB    NOT NULL,
    PRIMARY KEY (device_nid, hash)
) STRICT, WITHOUT ROWID;

-- Contents, one row per different content; the bytes are a file named by the hash.
-- `refs` counts the rows of `media` that have it; at 0 the row goes to `media_doomed`.
CREATE TABLE media_blob (
    nid     INTEGER PRIMARY KEY,
    sha256  BLOB    NOT NULL UNIQUE,
    bytes   INTEGER NOT NULL,
    refs    INTEGER NOT NULL
) STRICT;

-- Contents whose last reference went: their files are to be removed.
CREATE TABLE media_doomed (
    sha256  BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

-- Media ids of this server. `blob_nid` is NULL while a reserved id waits for its upload.
CREATE TABLE media (
    nid           INTEGER PRIMARY KEY,
    media_id      TEXT    NOT NULL UNIQUE,
    owner         TEXT    NOT NULL,
    created_ts    INTEGER NOT NULL,
    expires_ts    INTEGER,
    blob_nid      INTEGER,
    content_type  TEXT,
    filename      TEXT
) STRICT;
CREATE INDEX media_pending ON media (owner, expires_ts) WHERE blob_nid IS NULL;
CREATE INDEX media_by_owner ON media (owner, nid);

-- What each account's uploads add up to.
CREATE TABLE media_usage (
    owner  TEXT    NOT NULL PRIMARY KEY,
    files  INTEGER NOT NULL,
    bytes  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

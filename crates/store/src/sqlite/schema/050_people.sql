-- Who an account's owner is, how people are found, and what administrators did.

ALTER TABLE account ADD COLUMN seen_ts INTEGER;

-- `email` is the canonical address; at most one account that is not deactivated has it.
-- `expires_ts`: when the account stops working until it is renewed; NULL: never.
CREATE TABLE person (
    account_nid        INTEGER PRIMARY KEY,
    email              TEXT UNIQUE,
    organisation_id    TEXT,
    organisation_name  TEXT,
    guest              INTEGER NOT NULL DEFAULT 0,
    red_list           INTEGER NOT NULL DEFAULT 0,
    expires_ts         INTEGER
) STRICT;
CREATE INDEX person_by_organisation ON person (organisation_id, account_nid);
CREATE INDEX person_by_expiry ON person (expires_ts, account_nid) WHERE expires_ts IS NOT NULL;

-- The name (else the localpart) and all words by which somebody is found, folded. Those who are
-- hidden have an entry, for administrators, and no words.
DROP TABLE directory_entry;
DROP TABLE directory_word;
CREATE TABLE directory_entry (
    account_nid  INTEGER PRIMARY KEY,
    name         TEXT    NOT NULL,
    words        TEXT    NOT NULL,
    hidden       INTEGER NOT NULL
) STRICT;
CREATE INDEX directory_entry_by_name ON directory_entry (name) WHERE hidden = 0;
-- `sort` is how the name begins: a range of words is read in the order in which it is shown.
CREATE TABLE directory_word (
    word         TEXT    NOT NULL,
    sort         TEXT    NOT NULL,
    account_nid  INTEGER NOT NULL,
    PRIMARY KEY (word, sort, account_nid)
) STRICT, WITHOUT ROWID;

-- How many searches an account may still make, as it was at `filled_ts`.
CREATE TABLE directory_budget (
    account_nid  INTEGER PRIMARY KEY,
    tokens       REAL    NOT NULL,
    filled_ts    INTEGER NOT NULL
) STRICT;

-- Append-only. `sha256` is over the one before it and the content of the row; `audit_head` is the
-- last row, so that a missing end shows too.
CREATE TABLE audit (
    seq      INTEGER PRIMARY KEY,
    ts       INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    act      TEXT    NOT NULL,
    subject  TEXT,
    details  TEXT    NOT NULL,
    reason   TEXT,
    sha256   BLOB    NOT NULL
) STRICT;
CREATE INDEX audit_by_subject ON audit (subject, seq);
CREATE TABLE audit_head (seq INTEGER NOT NULL, sha256 BLOB NOT NULL) STRICT;
INSERT INTO audit_head VALUES (0, zeroblob(32));
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

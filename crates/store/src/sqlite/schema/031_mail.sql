-- Codes sent by mail, one per browser and purpose. `mac` is keyed with the browser's cookie, which is
-- not kept. Once proven, the row is the proof and takes no more codes.
CREATE TABLE email_code (
    browser     BLOB    NOT NULL,
    purpose     TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    mac         BLOB    NOT NULL,
    tries_left  INTEGER NOT NULL,
    proven      INTEGER NOT NULL,
    expires_ts  INTEGER NOT NULL,
    PRIMARY KEY (browser, purpose)
) STRICT, WITHOUT ROWID;
CREATE INDEX email_code_by_expiry ON email_code (expires_ts);

-- When codes were asked for an address, so that nobody's mailbox is flooded.
CREATE TABLE email_code_asked (
    id       INTEGER PRIMARY KEY,
    address  TEXT    NOT NULL,
    ts       INTEGER NOT NULL
) STRICT;
CREATE INDEX email_code_asked_by_address ON email_code_asked (address, ts);
CREATE INDEX email_code_asked_by_time ON email_code_asked (ts);

-- Mail that the next server has not yet accepted.
CREATE TABLE outgoing_mail (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    recipient    TEXT    NOT NULL,
    subject      TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    created_ts   INTEGER NOT NULL,
    expires_ts   INTEGER NOT NULL,
    next_try_ts  INTEGER NOT NULL,
    tries        INTEGER NOT NULL
) STRICT;
CREATE INDEX outgoing_mail_by_try ON outgoing_mail (next_try_ts);

-- Strangers who may sign up although no organisation expects them.
CREATE TABLE guest_invitation (
    address     TEXT    NOT NULL PRIMARY KEY,
    invited_by  TEXT    NOT NULL,
    expires_ts  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The latest reminder of the end of an account: for which end, and how many days before.
CREATE TABLE validity_reminder (
    user_id     TEXT    NOT NULL PRIMARY KEY,
    expires_ts  INTEGER NOT NULL,
    days        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What the link in a reminder says, as its SHA-256. A used one stays until its end, so that a second
-- click is told that all is well.
CREATE TABLE renewal_token (
    sha256      BLOB    NOT NULL PRIMARY KEY,
    user_id     TEXT    NOT NULL,
    used        INTEGER NOT NULL DEFAULT 0,
    expires_ts  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX renewal_token_by_user ON renewal_token (user_id);

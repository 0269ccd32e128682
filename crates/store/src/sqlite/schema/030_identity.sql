-- Browsers that somebody is signed in with. The cookie itself is not kept.
CREATE TABLE browser_session (
    sha256      BLOB    NOT NULL PRIMARY KEY,
    user_id     TEXT    NOT NULL,
    created_ts  INTEGER NOT NULL,
    seen_ts     INTEGER NOT NULL,
    expires_ts  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX browser_session_by_user ON browser_session (user_id);
CREATE INDEX browser_session_by_expiry ON browser_session (expires_ts);

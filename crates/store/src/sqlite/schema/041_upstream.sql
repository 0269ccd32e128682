-- Who somebody is at other OpenID providers. A subject is one person for ever (OpenID Connect Core,
-- section 2), an address is not.
CREATE TABLE upstream_link (
    provider  TEXT NOT NULL,
    subject   TEXT NOT NULL,
    user_id   TEXT NOT NULL,
    PRIMARY KEY (provider, subject)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX upstream_link_by_user ON upstream_link (user_id, provider);

-- Browsers that are signed in by another provider's word, by the name of their session.
CREATE TABLE upstream_session (
    cookie      BLOB    NOT NULL PRIMARY KEY,
    provider    TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    sid         TEXT,
    id_token    TEXT    NOT NULL,
    expires_ts  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_session_by_subject ON upstream_session (provider, subject);
CREATE INDEX upstream_session_by_expiry ON upstream_session (expires_ts);

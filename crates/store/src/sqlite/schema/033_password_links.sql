-- Links by which somebody chooses a password, once, as the SHA-256 of what they say. They end with
-- any new password, another address and the end of the account.
CREATE TABLE password_link (
    sha256      BLOB    NOT NULL PRIMARY KEY,
    user_id     TEXT    NOT NULL,
    expires_ts  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX password_link_by_user ON password_link (user_id);
CREATE INDEX password_link_by_expiry ON password_link (expires_ts);

-- When whoever is signed in with a browser last proved who they are, as far as that is known: by a
-- password, or by what a provider says of it. 0: it is not known.
ALTER TABLE browser_session ADD COLUMN proven_ts INTEGER NOT NULL DEFAULT 0;
UPDATE browser_session SET proven_ts = created_ts
WHERE sha256 NOT IN (SELECT cookie FROM upstream_session);

-- Whose a provider's sessions were, for longer than a browser is signed in by them: a provider may
-- end one by its name alone.
CREATE TABLE upstream_sid (
    provider    TEXT    NOT NULL,
    sid         TEXT    NOT NULL,
    subject     TEXT    NOT NULL,
    expires_ts  INTEGER NOT NULL,
    PRIMARY KEY (provider, sid, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_sid_by_subject ON upstream_sid (provider, subject, expires_ts);
CREATE INDEX upstream_sid_by_expiry ON upstream_sid (expires_ts);

-- Whether somebody is reminded before the account ends, and who the administrators are.

ALTER TABLE person ADD COLUMN reminders INTEGER NOT NULL DEFAULT 1;
CREATE INDEX account_by_admin ON account (nid) WHERE is_admin = 1;

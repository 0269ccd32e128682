-- When the policy ended an account that had long been expired. Its address is free again.
ALTER TABLE person ADD COLUMN lapsed_ts INTEGER;
CREATE INDEX person_by_lapse ON person (lapsed_ts, account_nid) WHERE lapsed_ts IS NOT NULL;

-- Who is to be given an end.
CREATE INDEX person_without_end ON person (account_nid)
    WHERE expires_ts IS NULL AND endless = 0 AND email IS NOT NULL;

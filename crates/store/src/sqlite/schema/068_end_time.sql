-- When an account ended, in ms since the epoch: its mailbox brings it back for a while only. Of those
-- that ended before, nobody knows: they end with the last that any device was heard of.
ALTER TABLE account ADD COLUMN deactivated_ts INTEGER;
UPDATE account SET deactivated_ts = (SELECT max(seen_ts) FROM device) WHERE deactivated = 1;

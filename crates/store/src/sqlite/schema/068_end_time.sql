-- When an account ended, in ms since the epoch: its mailbox brings it back for a while only. Of those
-- that ended before, nobody knows; an administrator brings them back.
ALTER TABLE account ADD COLUMN deactivated_ts INTEGER;

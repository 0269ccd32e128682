-- Since when an account has its address. For those that had one before this was written down it is
-- as old as the account, as far as is known.
ALTER TABLE person ADD COLUMN email_ts INTEGER;

-- When somebody accepted the terms of use.
ALTER TABLE person ADD COLUMN terms_ts INTEGER;

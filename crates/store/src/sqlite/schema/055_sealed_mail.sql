-- What a mail says, sealed with a key that the database does not have. NULL: it was queued in clear,
-- in `subject` and `body`, which are empty otherwise.
ALTER TABLE outgoing_mail ADD COLUMN sealed BLOB;

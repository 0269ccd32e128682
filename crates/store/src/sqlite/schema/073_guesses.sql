-- Wrong guesses at passwords of the last minute, so that no restart lets anybody guess faster. Who
-- guessed at whom is hashed.
CREATE TABLE wrong_guess (
    id          INTEGER PRIMARY KEY,
    guessed_ts  INTEGER NOT NULL,
    subject     BLOB NOT NULL,
    lane        INTEGER NOT NULL,
    guesser     BLOB NOT NULL
) STRICT;
CREATE INDEX wrong_guess_by_time ON wrong_guess (guessed_ts);

-- Whether a code was tried: the first try does not wait for what others do.
ALTER TABLE email_code ADD COLUMN tried INTEGER NOT NULL DEFAULT 0;

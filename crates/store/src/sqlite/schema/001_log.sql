-- The head of the one log: the last position that was taken.
CREATE TABLE head (pos INTEGER NOT NULL) STRICT;
INSERT INTO head VALUES (0);

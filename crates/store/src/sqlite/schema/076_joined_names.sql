-- People are also found by words that are written as one: `obrien` for O'Brien.

-- `joined`: the words with their parts put together; NULL where that is the same.
ALTER TABLE directory_entry ADD COLUMN joined TEXT;

-- Who is still to be entered anew, a few at a time, by the program that folds names.
CREATE TABLE directory_stale (account_nid INTEGER PRIMARY KEY) STRICT;

-- Whoever is older than the index, and whoever has a name of several parts.
INSERT INTO directory_stale
SELECT nid FROM account
WHERE deactivated = 0 AND nid NOT IN (SELECT account_nid FROM directory_entry);
INSERT INTO directory_stale
SELECT e.account_nid FROM directory_entry e
LEFT JOIN account a ON a.nid = e.account_nid
LEFT JOIN profile_field f ON f.account_nid = e.account_nid AND f.name = 'displayname'
WHERE e.name GLOB '*[-''’‘ʼʻ′`‐‑‒–−]*' OR f.value GLOB '*´*'
   OR substr(a.user_id, 1, instr(a.user_id, ':')) GLOB '*-*';

-- How people are found: by the words of the name, which follow each other in any turn, among
-- everybody and among those of one organisation.

DROP TABLE directory_entry;
DROP TABLE directory_word;

-- `name`: the name (else the localpart), folded, as administrators look for it. `words`: the words
-- by which the person is found, the name first. Those who are hidden have an entry, for
-- administrators, and nothing else.
CREATE TABLE directory_entry (
    account_nid       INTEGER PRIMARY KEY,
    name              TEXT    NOT NULL,
    words             TEXT    NOT NULL,
    organisation_nid  INTEGER,
    hidden            INTEGER NOT NULL
) STRICT;
CREATE INDEX directory_entry_by_words ON directory_entry (words) WHERE hidden = 0;
CREATE INDEX directory_entry_by_organisation ON directory_entry (organisation_nid, words)
    WHERE hidden = 0;

-- Organisations by what they are called, folded: one that changed its name is two for as long as
-- somebody is in each.
CREATE TABLE directory_organisation (
    nid    INTEGER PRIMARY KEY,
    words  TEXT    NOT NULL UNIQUE
) STRICT;
CREATE TABLE directory_organisation_word (
    word              TEXT    NOT NULL,
    organisation_nid  INTEGER NOT NULL,
    PRIMARY KEY (word, organisation_nid)
) STRICT, WITHOUT ROWID;

-- `turned`: one of the words, then those after it, then those before it.
CREATE TABLE directory_name (
    turned       TEXT    NOT NULL,
    account_nid  INTEGER NOT NULL,
    PRIMARY KEY (turned, account_nid)
) STRICT, WITHOUT ROWID;
CREATE TABLE directory_member (
    organisation_nid  INTEGER NOT NULL,
    turned            TEXT    NOT NULL,
    account_nid       INTEGER NOT NULL,
    PRIMARY KEY (organisation_nid, turned, account_nid)
) STRICT, WITHOUT ROWID;

-- Everybody is entered by the program, which folds names.

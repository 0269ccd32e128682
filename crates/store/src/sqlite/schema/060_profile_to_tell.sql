-- Users whose new display name or avatar has not reached all their rooms yet. `change` counts: a row
-- is deleted by whoever told the rooms of that very change.
CREATE TABLE profile_to_tell (
    user_id  TEXT    NOT NULL PRIMARY KEY,
    change   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

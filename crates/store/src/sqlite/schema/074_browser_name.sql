-- What a browser is called, coarsely; empty where that is not known.
ALTER TABLE browser_session ADD COLUMN name TEXT NOT NULL DEFAULT '';

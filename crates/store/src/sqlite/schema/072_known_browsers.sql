-- How often all browsers of an account were signed out. The cookie by which a browser is known as
-- its owner's counts while this is what it was.
ALTER TABLE account ADD COLUMN browsers_generation INTEGER NOT NULL DEFAULT 0;

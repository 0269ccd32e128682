-- What the policy of organisations made of somebody, and what an administrator insists on.

-- `derived_name`: the display name that the address gave last. A profile that has another name was
-- corrected by somebody, and is left as it is.
ALTER TABLE person ADD COLUMN derived_name TEXT;
-- The organisation is an administrator's word; the policy does not move this person.
ALTER TABLE person ADD COLUMN organisation_fixed INTEGER NOT NULL DEFAULT 0;
-- An administrator said that the account never ends.
ALTER TABLE person ADD COLUMN endless INTEGER NOT NULL DEFAULT 0;

-- Invitations of e-mail addresses that wait for an account. The public half of each is the state
-- event `m.room.third_party_invite` with the token as its state key; `seed` is the private half.
-- `opened` says that the right of a guest to sign up came with it.
CREATE TABLE third_party_invite (
    nid         INTEGER PRIMARY KEY,
    token       TEXT    NOT NULL UNIQUE,
    room_id     TEXT    NOT NULL,
    sender      TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    seed        BLOB    NOT NULL,
    public_key  TEXT    NOT NULL UNIQUE,
    is_direct   INTEGER NOT NULL,
    opened      INTEGER NOT NULL,
    expires_ts  INTEGER NOT NULL
) STRICT;
CREATE INDEX third_party_invite_by_address ON third_party_invite (address);
CREATE INDEX third_party_invite_by_room ON third_party_invite (room_id, address);
CREATE INDEX third_party_invite_by_expiry ON third_party_invite (expires_ts);

-- When invitations were mailed, so that no mailbox is flooded and nobody writes to everybody.
CREATE TABLE invitation_mailed (
    id       INTEGER PRIMARY KEY,
    sender   TEXT    NOT NULL,
    address  TEXT    NOT NULL,
    ts       INTEGER NOT NULL
) STRICT;
CREATE INDEX invitation_mailed_by_sender ON invitation_mailed (sender, ts);
CREATE INDEX invitation_mailed_by_address ON invitation_mailed (address, ts);
CREATE INDEX invitation_mailed_by_time ON invitation_mailed (ts);

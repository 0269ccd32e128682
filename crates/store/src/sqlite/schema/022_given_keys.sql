-- How far a device's one-time keys were given out: all up to `seq`, in upload order. Giving one away
-- writes this small row and nothing else; with the device's next upload those keys move to
-- `issued_key`.
CREATE TABLE given_key (
    device_nid  INTEGER NOT NULL,
    algorithm   TEXT    NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (device_nid, algorithm)
) STRICT, WITHOUT ROWID;

CREATE TABLE device (nid INTEGER PRIMARY KEY, user_id TEXT NOT NULL, device_id TEXT NOT NULL, display_name TEXT, created_ts INTEGER NOT NULL, UNIQUE (user_id, device_id)) STRICT;

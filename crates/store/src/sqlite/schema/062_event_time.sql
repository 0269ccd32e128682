-- Which event was the first after a time, or the last before it (`/timestamp_to_event`).
CREATE INDEX event_by_time ON event (room_nid, json_extract(json, '$.origin_server_ts'));

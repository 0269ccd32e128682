-- When each event of a timeline was made, as its sender says, and by how much that is behind the
-- latest time before it. An index over the time of every event (step 062) had each event write one
-- more page; only events that are behind need one.
ALTER TABLE timeline ADD COLUMN ts INTEGER NOT NULL DEFAULT 0;
ALTER TABLE timeline ADD COLUMN behind INTEGER NOT NULL DEFAULT 0;
UPDATE timeline SET ts = coalesce((
    SELECT json_extract(json, '$.origin_server_ts') FROM event WHERE event.nid = timeline.nid), 0);
UPDATE timeline SET behind = late.behind FROM (
    SELECT room_nid, nid, max(ts) OVER (PARTITION BY room_nid ORDER BY nid) - ts AS behind
    FROM timeline) AS late
WHERE late.behind > 0 AND timeline.room_nid = late.room_nid AND timeline.nid = late.nid;
CREATE INDEX timeline_behind ON timeline (room_nid, ts, nid) WHERE behind > 0;
DROP INDEX event_by_time;

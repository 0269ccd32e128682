-- Delayed events that have ended are forgotten oldest first.
CREATE INDEX delayed_event_ended ON delayed_event (due_ms) WHERE state <> 0;

-- Codes go before invitations and reminders, however many of those wait.
CREATE INDEX outgoing_mail_urgent ON outgoing_mail (next_try_ts, id)
    WHERE expires_ts - created_ts <= 3600000;

-- Who ended an account decides who may bring it back: its owner by the mailbox, or an administrator
-- alone. Of those that ended before this was kept, the audit log knows.
ALTER TABLE account ADD COLUMN closed_by_admin INTEGER NOT NULL DEFAULT 0;
UPDATE account SET closed_by_admin = 1 WHERE deactivated = 1 AND EXISTS (
    SELECT 1 FROM audit WHERE audit.subject = account.user_id
    AND audit.act IN ('account.deactivate', 'account.erase'));

-- Who invited a guest: a user id, or an operator of the server's machine.
ALTER TABLE person ADD COLUMN invited_by TEXT;

-- From where a code was asked for, so that one stranger cannot take the codes of a mailbox.
ALTER TABLE email_code_asked ADD COLUMN source TEXT NOT NULL DEFAULT '';

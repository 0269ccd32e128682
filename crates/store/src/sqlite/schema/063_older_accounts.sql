-- What was true of accounts before it was kept, and what was not carried over.

-- An account that an administrator ended and brought back was ended by its owner since: what an
-- administrator does stands in the audit log.
UPDATE account SET closed_by_admin = 0 WHERE closed_by_admin = 1 AND 'account.reactivate' = (
    SELECT act FROM audit WHERE audit.subject = account.user_id
    AND act IN ('account.deactivate', 'account.erase', 'account.reactivate')
    ORDER BY seq DESC LIMIT 1);

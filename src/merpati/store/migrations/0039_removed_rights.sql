-- Who might do what in a mailbox that was deleted, so that restoring it opens it to nobody else.
ALTER TABLE removed_mailbox ADD COLUMN rights TEXT;  -- JSON: store/rights.py; NULL: unknown

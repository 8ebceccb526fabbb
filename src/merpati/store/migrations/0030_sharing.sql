-- What others have let an account do in their mailboxes, or no longer let it (RFC 9670 3).
CREATE TABLE share_notification (
  account_id BIGINT NOT NULL,             -- who is told
  id BIGINT NOT NULL,                     -- the modseq it was noted with
  created_at BIGINT NOT NULL,             -- Unix milliseconds
  changed_by BIGINT NOT NULL,             -- an account; 0: an administrator
  name TEXT NOT NULL,                     -- of whoever did it, then
  address TEXT NOT NULL,
  owner_id BIGINT NOT NULL,               -- whose mailbox
  mailbox_id BIGINT NOT NULL,
  mailbox TEXT NOT NULL,                  -- its name, then
  old_rights TEXT NOT NULL,               -- letters of model/rights.py
  new_rights TEXT NOT NULL,
  PRIMARY KEY (account_id, id)
) {clustered};

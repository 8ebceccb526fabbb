-- Mailboxes that people share, and what is kept about them. Times are Unix milliseconds.

-- What others than its owner may do in a mailbox (RFC 4314). Whoever reads their own needs no row.
CREATE TABLE mailbox_right (
  account_id BIGINT NOT NULL,             -- of the mailbox
  mailbox_id BIGINT NOT NULL,
  subject BIGINT NOT NULL,                -- an account; below 0: everybody in that domain
  negative BIGINT NOT NULL,               -- 1: these are taken away
  rights TEXT NOT NULL,                   -- letters of model/rights.py
  PRIMARY KEY (account_id, mailbox_id, subject, negative)
) {clustered};
CREATE INDEX mailbox_right_subject ON mailbox_right (subject, account_id);

-- Who belongs to an account that is not theirs: what its new mailboxes allow them, and
-- whether they may send with its addresses.
CREATE TABLE member (
  account_id BIGINT NOT NULL,             -- the shared one
  subject BIGINT NOT NULL,                -- as in mailbox_right
  rights TEXT NOT NULL,
  send TEXT NOT NULL,                     -- as, behalf, or empty: not at all
  PRIMARY KEY (account_id, subject)
) {clustered};
CREATE INDEX member_subject ON member (subject);

-- What all accounts of a domain may hold together. Only a domain with a limit has a row, and
-- only accounts with `in_domain_quota` count in it: others never wait for this one row.
CREATE TABLE domain_quota (
  domain_id BIGINT PRIMARY KEY,
  quota BIGINT NOT NULL,                  -- bytes; 0: no limit
  quota_emails BIGINT NOT NULL,           -- 0: no limit
  used BIGINT NOT NULL,
  emails BIGINT NOT NULL
);

-- Emails that were removed and can be restored for a while. Each holds one reference to its
-- blob, and counts in no quota. Its mailbox may be gone: then it is in `removed_mailbox`.
CREATE TABLE expunged (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL,                    -- that it had
  email_id BIGINT NOT NULL,
  thread_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  keywords TEXT NOT NULL,
  sent_day BIGINT,                        -- as in mailbox_email
  delay BIGINT NOT NULL DEFAULT 0,        -- as in mailbox_email
  expunged_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, uid)
) {clustered};
CREATE INDEX expunged_age ON expunged (expunged_at);

-- Where the mailboxes of such emails were.
CREATE TABLE removed_mailbox (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  path TEXT NOT NULL,
  role TEXT NOT NULL,
  removed_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, mailbox_id)
) {clustered};

-- Annotations of mailboxes (RFC 5464); mailbox_id 0: of the server.
CREATE TABLE annotation (
  account_id BIGINT NOT NULL,             -- of the mailbox; 0: of the server
  mailbox_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,                -- whose private one it is; 0: shared by all
  name TEXT NOT NULL,                     -- lower case, without /private or /shared
  value {bytes} NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, user_id, name)
) {clustered};
CREATE INDEX annotation_user ON annotation (user_id, account_id) WHERE user_id > 0;

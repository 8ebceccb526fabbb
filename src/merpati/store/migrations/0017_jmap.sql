-- Files that a client uploaded, to make mail of them (RFC 8620 6.1); kept for a day.
CREATE TABLE upload (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  type TEXT NOT NULL,
  size BIGINT NOT NULL,                   -- bytes
  created_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE INDEX upload_age ON upload (created_at);

-- Where emails are that are not, or not only, where they first came. An email's id says
-- that first place (store/emails.py), so one that never moved needs no row here.
CREATE TABLE email_place (
  account_id BIGINT NOT NULL,
  email_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  created BIGINT NOT NULL,                -- the modseq with which the email came to be
  PRIMARY KEY (account_id, email_id, mailbox_id)
) {clustered};

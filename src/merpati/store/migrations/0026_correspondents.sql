-- Whom accounts write to, for completing addresses. It is made of the mail in their mailbox for
-- sent mail when somebody asks, and can be thrown away.
CREATE TABLE correspondent (
  account_id BIGINT NOT NULL,
  address TEXT NOT NULL,                  -- lower case
  name TEXT NOT NULL,                     -- as it was last written; empty: none
  letters BIGINT NOT NULL,                -- how many went there
  last_at BIGINT NOT NULL,                -- Unix ms
  PRIMARY KEY (account_id, address)
) {clustered};

-- Up to which UID of that mailbox this has been done.
CREATE TABLE correspondents_read (
  account_id BIGINT PRIMARY KEY,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL
) {clustered};

-- Keys by which URLs of messages are authorised (RFC 4467 4): one for each mailbox and each user
-- who gives such URLs away. Making a new key makes the old URLs void.
CREATE TABLE urlauth_key (
  account_id BIGINT NOT NULL,             -- whose mailbox it is
  mailbox_id BIGINT NOT NULL,
  user_id BIGINT NOT NULL,                -- who gave the URLs
  key {bytes} NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, user_id)
) {clustered};

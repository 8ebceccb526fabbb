-- As whom an account writes (RFC 8621 6).
CREATE TABLE identity (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,                     -- the modseq of its making
  name TEXT NOT NULL,
  email TEXT NOT NULL,
  reply_to TEXT NOT NULL,                 -- JSON, EmailAddress[] or null
  bcc TEXT NOT NULL,                      -- the same
  text_signature TEXT NOT NULL,
  html_signature TEXT NOT NULL,
  is_own BIGINT NOT NULL,                 -- 1: the account's own address, which stays
  PRIMARY KEY (account_id, id)
) {clustered};

-- What was sent through JMAP, and what became of it (RFC 8621 7).
CREATE TABLE email_submission (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,                     -- the modseq of its making
  identity_id BIGINT NOT NULL,
  email_id BIGINT NOT NULL,
  thread_id BIGINT NOT NULL,
  trace TEXT NOT NULL,
  envelope TEXT NOT NULL,                 -- JSON
  send_at BIGINT NOT NULL,
  undo_status TEXT NOT NULL,              -- pending, final, canceled
  delivery TEXT NOT NULL,                 -- JSON: by recipient, as it was last told
  is_settled BIGINT NOT NULL,             -- 1: nothing of it changes any more
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE INDEX email_submission_open ON email_submission (account_id) WHERE is_settled = 0;

-- To take a message back that has not left.
CREATE INDEX queue_submitted ON queue_message (trace) WHERE account_id > 0;

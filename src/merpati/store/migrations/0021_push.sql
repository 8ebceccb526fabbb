-- Where programs want to be told of changes while they are not connected (RFC 8620 7.2).
CREATE TABLE push_subscription (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  device TEXT NOT NULL,                   -- deviceClientId
  url TEXT NOT NULL,
  public_key {bytes} NOT NULL,            -- p256dh; empty: what is sent is not encrypted
  secret {bytes} NOT NULL,                -- auth
  types TEXT NOT NULL,                    -- joined by spaces; "*": all
  code TEXT NOT NULL,                     -- that proves that the program gets what is sent
  verified BIGINT NOT NULL DEFAULT 0,     -- 1: it has said the code
  asked BIGINT NOT NULL DEFAULT 0,        -- 1: the code was sent
  known TEXT NOT NULL DEFAULT '',         -- what it was told of (services/state_changes.py)
  failures BIGINT NOT NULL DEFAULT 0,     -- in a row
  next_at BIGINT NOT NULL DEFAULT 0,      -- Unix milliseconds: not to be tried before
  expires_at BIGINT NOT NULL,
  credential TEXT NOT NULL DEFAULT '',    -- it was made with (store/push.py); '': with none
  PRIMARY KEY (account_id, id)
) {clustered};

-- The emails of a thread, for those accounts whose threads are asked for, up to a modseq of
-- the account; entries may be of emails that are gone (store/thread_members.py).
CREATE TABLE thread_email (
  account_id BIGINT NOT NULL,
  thread_id BIGINT NOT NULL,
  email_id BIGINT NOT NULL,
  PRIMARY KEY (account_id, thread_id, email_id)
) {clustered};
CREATE TABLE thread_index (
  account_id BIGINT PRIMARY KEY,
  modseq BIGINT NOT NULL                  -- all that was added up to it is in thread_email
);

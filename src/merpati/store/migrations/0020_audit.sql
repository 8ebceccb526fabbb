-- Administration: what was changed by whom, who may administer what, and numbers over time.
-- Nothing here grows with mail in accounts. Times are Unix milliseconds.

-- Every change that an administrator made, by the API or by a command.
CREATE TABLE audit (
  id {id},
  at BIGINT NOT NULL,
  account_id BIGINT NOT NULL,             -- who: an account of ours; 0: at the command line
  who TEXT NOT NULL,                      -- its address then; the user of the machine, else
  via TEXT NOT NULL,                      -- api, command
  peer TEXT NOT NULL,                     -- the address it came from; empty: this machine
  action TEXT NOT NULL,                   -- "account.change"
  subject TEXT NOT NULL,                  -- what was changed: "ani@example.org", "queue"
  domain TEXT NOT NULL,                   -- the subject's; empty: the whole installation
  before TEXT NOT NULL,                   -- JSON of what changed, as it was
  after TEXT NOT NULL,                    -- the same, as it is
  undoes BIGINT NOT NULL DEFAULT 0        -- the change that this one takes back; 0: none
);
CREATE INDEX audit_subject ON audit (subject, id);
CREATE INDEX audit_domain ON audit (domain, id);
CREATE INDEX audit_undoes ON audit (undoes) WHERE undoes > 0;

-- Accounts that may administer one domain, as far as `rights` goes.
CREATE TABLE delegate (
  account_id BIGINT NOT NULL,
  domain_id BIGINT NOT NULL,
  rights TEXT NOT NULL,                   -- words of model/administration.py, sorted, by spaces
  PRIMARY KEY (account_id, domain_id)
) {clustered};

-- Numbers over time: what came and went in each hour, and how much there was at its end.
CREATE TABLE sample (
  name TEXT NOT NULL,                     -- "mail.in", "storage"
  at BIGINT NOT NULL,                     -- when the hour began
  value BIGINT NOT NULL,
  PRIMARY KEY (name, at)
) {clustered};

-- Programs that are told of what happens.
CREATE TABLE webhook (
  id {id},
  url TEXT NOT NULL,
  events TEXT NOT NULL,                   -- kinds of services/happenings.py, by spaces
  secret {bytes} NOT NULL,                -- signs what it is told; sealed
  created_at BIGINT NOT NULL,
  enabled BIGINT NOT NULL,                -- 0, 1
  failing_since BIGINT NOT NULL,          -- 0: the last time went well
  told_at BIGINT NOT NULL,                -- when it last took something; 0: never
  status BIGINT NOT NULL,                 -- of the last answer (HTTP); 0: there was none
  problem TEXT NOT NULL,                  -- of the last try; empty: it went well
  off_at BIGINT NOT NULL                  -- when it was switched off by itself; 0: it was not
);

-- Tokens by which programs use the API in the name of an account.
CREATE TABLE api_token (
  id {id},
  account_id BIGINT NOT NULL,
  name TEXT NOT NULL,                     -- what it is for, in words
  use TEXT NOT NULL,                      -- read, full, send
  senders TEXT NOT NULL,                  -- addresses it sends for, by spaces; empty: all it may
  digest {bytes} NOT NULL UNIQUE,         -- SHA-256 of the secret
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,             -- 0: never
  used_at BIGINT NOT NULL                 -- 0: never
);
CREATE INDEX api_token_account ON api_token (account_id);

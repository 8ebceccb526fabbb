-- What was imported into a mailbox: a second run adds nothing twice, whatever has become of
-- the emails since. `ref` is the beginning of the hash as a number, since engines find those best.
CREATE TABLE imported (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  ref BIGINT NOT NULL,
  hash {bytes} NOT NULL,                  -- SHA-256 of the message
  copies BIGINT NOT NULL,                 -- how many emails of it were made there
  uid BIGINT NOT NULL,                    -- of the last of them
  PRIMARY KEY (account_id, mailbox_id, ref, hash)
) {clustered};

-- Folders of other IMAP servers that are copied, or fetched from, and what is known of each.
CREATE TABLE remote_folder (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  source TEXT NOT NULL,                   -- whose: "imap:user@host", "collector:7"
  folder TEXT NOT NULL,                   -- its name there; of POP3 empty
  uidvalidity BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,             -- where it goes; 0: through the rules of delivery
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE UNIQUE INDEX remote_folder_name ON remote_folder (account_id, source, folder);

-- Messages of those folders that are here already.
CREATE TABLE remote_message (
  account_id BIGINT NOT NULL,
  folder_id BIGINT NOT NULL,
  name TEXT NOT NULL,                     -- its UID, or its unique-id (RFC 1939 7)
  uid BIGINT NOT NULL,                    -- of the email here; 0: it went through delivery
  keywords TEXT NOT NULL,                 -- as they were there when they were last looked at
  seen_at BIGINT NOT NULL,                -- when it was first taken
  PRIMARY KEY (account_id, folder_id, name)
) {clustered};

-- Mailboxes elsewhere that are fetched from regularly.
CREATE TABLE collector (
  id {id},
  account_id BIGINT NOT NULL,             -- whose mail it is; of a multi-drop box who answers for it
  protocol TEXT NOT NULL,                 -- "pop3" or "imap"
  host TEXT NOT NULL,
  port BIGINT NOT NULL,
  security TEXT NOT NULL,                 -- "tls", "starttls" or "none"
  verify BIGINT NOT NULL,                 -- whether its certificate must be good
  name TEXT NOT NULL,                     -- to sign in with
  password {bytes} NOT NULL,              -- sealed (services/sealing.py)
  folder TEXT NOT NULL,                   -- of IMAP
  keep_days BIGINT NOT NULL,              -- -1: leave everything there; 0: remove once it is here
  every BIGINT NOT NULL,                  -- seconds between two looks
  domain TEXT NOT NULL,                   -- multi-drop: the domain whose mail it holds, or empty
  disabled BIGINT NOT NULL,
  next_at BIGINT NOT NULL,                -- when it is due; while it is looked at: when that ends
  failures BIGINT NOT NULL,               -- in a row
  problem TEXT NOT NULL,                  -- why the last look failed, or empty
  checked_at BIGINT NOT NULL,             -- of the last look that went well; 0: none
  collected BIGINT NOT NULL,              -- messages in all
  created_at BIGINT NOT NULL
);
CREATE INDEX collector_due ON collector (next_at) WHERE disabled = 0;
CREATE INDEX collector_account ON collector (account_id);

-- What an account has chosen for POP3; without a row the settings of all.
CREATE TABLE pop3_policy (
  account_id BIGINT PRIMARY KEY,
  folders TEXT NOT NULL,                  -- JSON list of the mailboxes that make up the maildrop
  expire_days BIGINT NOT NULL,            -- remove so long after it was fetched; -1: never
  mark_seen BIGINT NOT NULL,              -- whether fetching marks an email as seen
  hide_fetched BIGINT NOT NULL            -- whether what was fetched once is shown again
);

-- When an email was fetched by POP3, of accounts whose policy asks.
CREATE TABLE pop3_fetched (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (account_id, mailbox_id, uid)
) {clustered};

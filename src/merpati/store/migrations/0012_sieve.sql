-- Sieve scripts, what runs for whom, and what their actions must remember.

-- Account 0 holds the scripts that everybody may include (RFC 6609 3.1, :global).
CREATE TABLE sieve_script (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,                     -- the modseq of its making
  name TEXT NOT NULL,
  source {bytes} NOT NULL,
  program {bytes} NOT NULL,               -- compiled; empty: by none that is known here any more
  size BIGINT NOT NULL,                   -- bytes of the source
  modified_at BIGINT NOT NULL,
  modseq BIGINT NOT NULL,                 -- of its last change
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE UNIQUE INDEX sieve_script_name ON sieve_script (account_id, name);

-- The accounts for whose mail something runs.
CREATE TABLE sieve_state (
  account_id BIGINT PRIMARY KEY,
  stamp BIGINT NOT NULL,                  -- another one whenever anything that runs may differ
  script_id BIGINT NOT NULL,              -- the active script; 0: none
  auto_reply BIGINT NOT NULL              -- 1: the auto-reply is on
);

-- The answer that an account gives to everybody, in RFC 8621's terms.
CREATE TABLE auto_reply (
  account_id BIGINT PRIMARY KEY,
  is_enabled BIGINT NOT NULL,
  from_date BIGINT NOT NULL,              -- 0: any time
  to_date BIGINT NOT NULL,                -- 0: for ever
  subject TEXT NOT NULL,                  -- empty: made from the message's
  text_body TEXT NOT NULL,
  html_body TEXT NOT NULL,
  modseq BIGINT NOT NULL
);

-- Who has been answered, which messages have been seen, what has been told.
CREATE TABLE sieve_memory (
  account_id BIGINT NOT NULL,
  kind TEXT NOT NULL,                     -- store/sieve.py: Memory
  key {bytes} NOT NULL,                   -- SHA-256
  until BIGINT NOT NULL,
  PRIMARY KEY (account_id, kind, key)
) {clustered};
CREATE INDEX sieve_memory_until ON sieve_memory (until);

-- Whether any mailbox has a script for what happens in it (RFC 6785).
CREATE INDEX annotation_imapsieve ON annotation (name) WHERE name = '/imapsieve/script';

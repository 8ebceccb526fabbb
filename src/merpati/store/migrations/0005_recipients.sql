-- Recipients beyond accounts and plain aliases: second domains, forwards, lists, responders.

-- Every address of `name` is the address of the same local part in the domain.
CREATE TABLE domain_alias (
  name TEXT PRIMARY KEY,                  -- lower case, A-labels
  domain_id BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX domain_alias_domain ON domain_alias (domain_id);

-- Where an account's mail goes on to.
CREATE TABLE forward (
  account_id BIGINT PRIMARY KEY,
  targets TEXT NOT NULL,                  -- addresses, one a line
  keep BIGINT NOT NULL                    -- 1: a copy stays in the mailbox
);

-- Accounts that answer requests with files of a folder.
CREATE TABLE responder (
  account_id BIGINT PRIMARY KEY,
  folder TEXT NOT NULL
);
CREATE TABLE response (
  account_id BIGINT NOT NULL,
  address TEXT NOT NULL,                  -- who asked, lower case
  day BIGINT NOT NULL,                    -- since 1970
  count BIGINT NOT NULL,
  PRIMARY KEY (account_id, address, day)
) {clustered};

-- The newest key signs the senders of forwarded mail, the others are still known (wire/srs.py).
CREATE TABLE srs_key (
  created_at BIGINT PRIMARY KEY,
  secret {bytes} NOT NULL
);

CREATE TABLE mailing_list (
  id {id},
  domain_id BIGINT NOT NULL,
  local TEXT NOT NULL,                    -- lower case
  name TEXT NOT NULL,                     -- as shown
  language TEXT NOT NULL,
  posting TEXT NOT NULL,                  -- model/mailing_list.py: Posting
  others TEXT NOT NULL,                   -- what happens to posts of all others: Others
  moderated BIGINT NOT NULL,              -- 1: posts of all but owners are held
  joining TEXT NOT NULL,                  -- Joining
  audience TEXT NOT NULL,                 -- Audience: whom it reaches
  replies TEXT NOT NULL,                  -- Replies
  archive_id BIGINT NOT NULL,             -- account that gets a copy; 0: none
  created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX mailing_list_address ON mailing_list (domain_id, local);

-- Whoever has to do with a list: members, owners, and those who may post besides.
CREATE TABLE list_person (
  id {id},
  list_id BIGINT NOT NULL,
  address TEXT NOT NULL,                  -- lower case
  is_member BIGINT NOT NULL,
  is_owner BIGINT NOT NULL,
  may_post BIGINT NOT NULL,
  token TEXT NOT NULL UNIQUE,             -- names this person in return paths and in links
  suspended BIGINT NOT NULL,              -- 1: gets nothing, since mail came back
  bounces BIGINT NOT NULL,                -- days on which mail came back
  bounced_at BIGINT NOT NULL,             -- the last of them; 0: never
  added_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX list_person_address ON list_person (list_id, address);

-- Posts that wait for an owner. Each holds one reference to its blob.
CREATE TABLE held_post (
  id {id},
  list_id BIGINT NOT NULL,
  token TEXT NOT NULL UNIQUE,             -- names this post in the owner's answer
  trace TEXT NOT NULL,
  blob_id BIGINT NOT NULL,
  sender TEXT NOT NULL,
  account_id BIGINT NOT NULL,
  smtputf8 BIGINT NOT NULL,
  author TEXT NOT NULL,
  subject TEXT NOT NULL,
  received_at BIGINT NOT NULL
);
CREATE INDEX held_post_list ON held_post (list_id);

-- What somebody asked for by mail and has to confirm, or an owner has to allow.
CREATE TABLE list_request (
  list_id BIGINT NOT NULL,
  action TEXT NOT NULL,                   -- model/mailing_list.py: Request
  address TEXT NOT NULL,                  -- lower case
  token TEXT NOT NULL UNIQUE,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (list_id, action, address)
) {clustered};

-- How far a step of a queued recipient has come that takes several transactions: a post to a
-- list (a row also says that it was allowed), a forward whose own mailbox is full.
CREATE TABLE step_progress (
  message_id BIGINT NOT NULL,
  n BIGINT NOT NULL,                      -- the queue's recipient
  person_id BIGINT NOT NULL,              -- members served up to here
  PRIMARY KEY (message_id, n)
) {clustered};

-- Header fields of one recipient's own, sent before the bytes of the blob.
ALTER TABLE queue_message ADD COLUMN prefix TEXT NOT NULL DEFAULT '';

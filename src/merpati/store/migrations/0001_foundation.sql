-- Words in braces are the dialect's own (store/schema.py):
--   {id} a generated integer key, {bytes} a byte string, {clustered} rows kept in key order.
-- Times are Unix milliseconds. Every table that grows with mail in accounts leads with
-- account_id, its distribution key.

CREATE TABLE domain (
  id {id},
  name TEXT NOT NULL UNIQUE,              -- lower case, A-labels
  created_at BIGINT NOT NULL
);

CREATE TABLE account (
  id {id},
  domain_id BIGINT NOT NULL,
  name TEXT NOT NULL,                     -- the person's name, as shown
  password TEXT NOT NULL,                 -- Argon2id, or empty: cannot sign in
  is_admin BIGINT NOT NULL,
  disabled BIGINT NOT NULL,
  language TEXT NOT NULL,
  quota BIGINT NOT NULL,                  -- bytes; 0: none
  quota_emails BIGINT NOT NULL DEFAULT 0, -- how many emails; 0: no limit
  in_domain_quota BIGINT NOT NULL DEFAULT 0, -- 1: what it holds counts in its domain's, too
  kind TEXT NOT NULL DEFAULT 'person',    -- model/account.py: AccountKind
  browser_only BIGINT NOT NULL DEFAULT 0, -- 1: its password works in the browser alone
  used BIGINT NOT NULL,                   -- bytes of all its emails
  emails BIGINT NOT NULL,                 -- count of its emails
  modseq BIGINT NOT NULL,                 -- of its last change
  has_linked BIGINT NOT NULL DEFAULT 0,   -- 1: one email may lie in several of its mailboxes
  next_mailbox BIGINT NOT NULL,
  uidvalidity BIGINT NOT NULL,            -- the last one given to a mailbox; only rises
  created_at BIGINT NOT NULL
);

-- An address belongs to an account; the account does not depend on it, so a rename is one row.
CREATE TABLE address (
  domain_id BIGINT NOT NULL,
  local TEXT NOT NULL,                    -- lower case
  account_id BIGINT NOT NULL,
  is_primary BIGINT NOT NULL,
  PRIMARY KEY (domain_id, local)
) {clustered};
CREATE INDEX address_account ON address (account_id);

-- An alias sends on to addresses, here or elsewhere. An empty local part is the catch-all.
CREATE TABLE alias (
  domain_id BIGINT NOT NULL,
  local TEXT NOT NULL,
  target TEXT NOT NULL,
  PRIMARY KEY (domain_id, local, target)
) {clustered};
CREATE INDEX alias_target ON alias (lower(target));

-- A message is immutable bytes, stored once however many mailboxes hold it.
CREATE TABLE blob (
  id {id},
  hash {bytes} NOT NULL UNIQUE,           -- BLAKE3 of the bytes
  size BIGINT NOT NULL,                   -- bytes
  refs BIGINT NOT NULL,                   -- emails and queue entries that hold it
  location TEXT NOT NULL                  -- file under the blob folder, or empty: in `body`
);
CREATE INDEX blob_garbage ON blob (id) WHERE refs = 0;

CREATE TABLE body (
  blob_id BIGINT PRIMARY KEY,
  encoding BIGINT NOT NULL,               -- store/blobs.py: Encoding
  data {bytes} NOT NULL
);

-- How far work that goes through a table step by step has come.
CREATE TABLE progress (
  name TEXT PRIMARY KEY,
  value BIGINT NOT NULL
);

-- What parsing found, once, at delivery.
CREATE TABLE message (
  blob_id BIGINT PRIMARY KEY,
  structure {bytes} NOT NULL,             -- wire.mime.tree, msgpack
  envelope {bytes} NOT NULL,              -- prepared for IMAP
  bodystructure {bytes} NOT NULL,         -- prepared for IMAP
  preview TEXT NOT NULL,
  refs {bytes} NOT NULL                   -- the References field in one line
);

CREATE TABLE mailbox (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,
  parent_id BIGINT NOT NULL,              -- 0: top level
  name TEXT NOT NULL,                     -- its own level only
  role TEXT NOT NULL,                     -- RFC 8621 role, or empty
  uidvalidity BIGINT NOT NULL,
  uidnext BIGINT NOT NULL,
  recent_from BIGINT NOT NULL,            -- UIDs from here on are \Recent to the next that selects
  total BIGINT NOT NULL,
  unseen BIGINT NOT NULL,
  size BIGINT NOT NULL,
  modseq BIGINT NOT NULL,                 -- of the last change to what it holds
  sort_order BIGINT NOT NULL DEFAULT 0,   -- RFC 8621 2
  marked TEXT NOT NULL DEFAULT '',        -- UIDs among which marks are (store/marked.py)
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE UNIQUE INDEX mailbox_name ON mailbox (account_id, parent_id, name);

-- Names a client subscribed to; RFC 3501 6.3.6 lets them outlive their mailbox.
CREATE TABLE subscription (
  account_id BIGINT NOT NULL,
  name TEXT NOT NULL,
  PRIMARY KEY (account_id, name)
) {clustered};

-- An email in a mailbox. Columns from email_id on are the same in every mailbox that holds it.
CREATE TABLE mailbox_email (
  account_id BIGINT NOT NULL,
  mailbox_id BIGINT NOT NULL,
  uid BIGINT NOT NULL,
  modseq BIGINT NOT NULL,                 -- of its last change here
  added BIGINT NOT NULL,                  -- the modseq with which it came into this mailbox
  email_id BIGINT NOT NULL,
  thread_id BIGINT NOT NULL,
  blob_id BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  size BIGINT NOT NULL,
  keywords TEXT NOT NULL,                 -- sorted, separated by spaces: "$flagged $seen"
  saved_at BIGINT,                        -- when it came into this mailbox; NULL: as received_at
  sent_day BIGINT,                        -- of the Date field, from 1970-01-01; NULL: of received_at
  delay BIGINT NOT NULL DEFAULT 0,        -- ms from the moment of the Date field to received_at
  PRIMARY KEY (account_id, mailbox_id, uid)
) {clustered};

-- The threads of replies; a message that answers nothing begins its own (store/emails.py).
CREATE TABLE thread_ref (
  account_id BIGINT NOT NULL,
  ref BIGINT NOT NULL,                    -- hash of a message id and a base subject
  thread_id BIGINT NOT NULL,
  PRIMARY KEY (account_id, ref)
) {clustered};

-- The one change log that every protocol's synchronisation is a view of. What was added is
-- not repeated here: `mailbox_email.added` says it (store/changes.py).
CREATE TABLE change (
  account_id BIGINT NOT NULL,
  modseq BIGINT NOT NULL,
  n BIGINT NOT NULL,
  kind BIGINT NOT NULL,                   -- model/change.py: ChangeKind
  mailbox_id BIGINT NOT NULL,
  uids TEXT NOT NULL,                     -- "1:3,7"
  emails TEXT NOT NULL,                   -- ids of emails that are gone, "1:3,7"
  threads TEXT NOT NULL,                  -- ids of the threads that these were in, "1:3,7"
  born TEXT NOT NULL DEFAULT '',          -- which of these came with which modseq, "1:12 7:14"
  PRIMARY KEY (account_id, modseq, n)
) {clustered};

CREATE TABLE queue_message (
  id {id},
  trace TEXT NOT NULL,
  blob_id BIGINT NOT NULL,
  sender TEXT NOT NULL,                   -- empty: the null path of a bounce
  account_id BIGINT NOT NULL,             -- of the local sender; 0: from outside
  smtputf8 BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,
  warn_at BIGINT NOT NULL                 -- when a delay warning is due; 0: sent, or none
);

CREATE TABLE queue_recipient (
  message_id BIGINT NOT NULL,
  n BIGINT NOT NULL,
  address TEXT NOT NULL,
  destination TEXT NOT NULL,              -- the domain it is tried with; empty: here
  held BIGINT NOT NULL,
  attempts BIGINT NOT NULL,
  next_at BIGINT NOT NULL,                -- when it is due; while leased: when the lease ends
  lease TEXT NOT NULL,                    -- the worker that is trying it now, or empty
  status TEXT NOT NULL,                   -- enhanced status code of the last try
  reply TEXT NOT NULL,                    -- the remote server's own words
  remote TEXT NOT NULL,                   -- which server said so
  PRIMARY KEY (message_id, n)
) {clustered};
CREATE INDEX queue_due ON queue_recipient (next_at) WHERE held = 0;
CREATE INDEX queue_destination ON queue_recipient (destination);

-- The trace: what happened to each message. Trace ids sort by time, so old events are a range.
-- What happened at one moment is one row.
CREATE TABLE event (
  trace TEXT NOT NULL,
  at BIGINT NOT NULL,
  kind TEXT NOT NULL,
  about TEXT NOT NULL,                    -- an address, or <message-id>
  account_id BIGINT NOT NULL,             -- whose mailbox or submission it concerns; 0: nobody here
  detail TEXT NOT NULL,                   -- JSON
  more TEXT NOT NULL,                     -- further steps of that moment, JSON, or empty
  PRIMARY KEY (trace, at, kind, about)
) {clustered};

-- Which messages concern an address or <message-id>; new mail is entered behind the intake.
CREATE TABLE event_about (
  about TEXT NOT NULL,
  trace TEXT NOT NULL,
  PRIMARY KEY (about, trace)
) {clustered};

-- Emails that come up at a time: snoozed ones, and sent ones that nobody has answered by then
-- (store/reminders.py). A row of an email that is gone, or was taken out of the mailbox for
-- snoozed mail, is void, and goes when its time comes.
CREATE TABLE reminder (
  account_id BIGINT NOT NULL,
  email_id BIGINT NOT NULL,
  kind TEXT NOT NULL,                     -- snooze, follow-up
  due_at BIGINT NOT NULL,                 -- Unix milliseconds
  since BIGINT NOT NULL,                  -- what came after it is an answer; Unix milliseconds
  mailboxes TEXT NOT NULL,                -- where a snoozed one comes back to: ids, by spaces
  keywords TEXT NOT NULL,                 -- JSON: those that are set (true) and taken (false) then
  PRIMARY KEY (account_id, email_id, kind)
) {clustered};
CREATE INDEX reminder_due ON reminder (due_at);

-- Labels: keywords that an account has given a name and a colour (servers/jmap/label.py).
CREATE TABLE label (
  account_id BIGINT NOT NULL,
  id BIGINT NOT NULL,                     -- the modseq of its making
  keyword TEXT NOT NULL,                  -- as emails bear it
  name TEXT NOT NULL,
  color TEXT NOT NULL,
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE UNIQUE INDEX label_keyword ON label (account_id, keyword);

-- OpenPGP keys that accounts publish (services/published_keys.py), found by WKD.
CREATE TABLE published_key (
  account_id BIGINT NOT NULL,
  address TEXT NOT NULL,                  -- lower case
  domain TEXT NOT NULL,
  hash TEXT NOT NULL,                     -- of its local part, as WKD has it
  key {bytes} NOT NULL,                   -- the transferable public key, not armoured
  fingerprint TEXT NOT NULL,
  published_at BIGINT NOT NULL,           -- Unix milliseconds
  PRIMARY KEY (account_id, address)
) {clustered};
CREATE INDEX published_key_hash ON published_key (domain, hash);

-- What others complain about in mail of our accounts (RFC 5965), each once.
CREATE TABLE complaint (
  id {id},
  account_id BIGINT NOT NULL,
  received_at BIGINT NOT NULL,            -- Unix milliseconds
  trace TEXT NOT NULL,                    -- of the message
  kind TEXT NOT NULL,                     -- wire/reports/complaint.py
  reporter TEXT NOT NULL,
  recipient TEXT NOT NULL                 -- empty: not told
);
CREATE UNIQUE INDEX complaint_once ON complaint (trace, reporter, recipient);
CREATE INDEX complaint_account ON complaint (account_id, received_at);
CREATE INDEX complaint_received ON complaint (received_at);

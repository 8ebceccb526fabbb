-- Accounts that were handed over to somebody, and what brings them back as they were.
CREATE TABLE handover (
  account_id BIGINT PRIMARY KEY,
  successor_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  until BIGINT NOT NULL,                  -- so long it can be taken back; Unix milliseconds
  password TEXT NOT NULL,                 -- that it had, as in account
  kept TEXT NOT NULL                      -- JSON: services/administration/handing_over.py
);
CREATE INDEX handover_until ON handover (until);

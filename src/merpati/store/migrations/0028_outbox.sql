-- What programs send through the API, what they are told, and what wakes people.
-- Times are Unix milliseconds.

-- Messages that programs have sent through the API.
CREATE TABLE api_message (
  account_id BIGINT NOT NULL,
  trace TEXT NOT NULL,
  at BIGINT NOT NULL,
  key TEXT NOT NULL,                      -- by which it is not sent twice; empty: none was given
  digest {bytes} NOT NULL,                -- of the request with that key
  PRIMARY KEY (account_id, trace)
) {clustered};
CREATE UNIQUE INDEX api_message_key ON api_message (account_id, key) WHERE key <> '';
CREATE INDEX api_message_at ON api_message (at);

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

-- What programs are to be told, each webhook by itself; what is done stays for a week, to be seen.
CREATE TABLE webhook_event (
  id {id},
  webhook_id BIGINT NOT NULL,
  name TEXT NOT NULL,                     -- by which the program knows one told twice
  kind TEXT NOT NULL,
  at BIGINT NOT NULL,                     -- when it happened
  body TEXT NOT NULL,                     -- JSON, as it is sent
  due_at BIGINT NOT NULL,                 -- when it is tried next; 0: it is done
  attempts BIGINT NOT NULL,
  tried_at BIGINT NOT NULL,               -- 0: not yet
  status BIGINT NOT NULL,                 -- of the last answer (HTTP); 0: there was none
  problem TEXT NOT NULL                   -- of the last try; empty: it went well
);
CREATE INDEX webhook_event_due ON webhook_event (webhook_id, due_at);
CREATE INDEX webhook_event_at ON webhook_event (at);

-- What is wrong and worth waking somebody; one row from when it began until it has ended.
CREATE TABLE alert (
  id {id},
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,                  -- of what: a domain, a folder, an account; may be empty
  detail TEXT NOT NULL,                   -- JSON: what its sentence needs
  opened_at BIGINT NOT NULL,
  seen_at BIGINT NOT NULL,                -- when it was last found to be so
  told_at BIGINT NOT NULL,                -- when people were last told; 0: never
  closed_at BIGINT NOT NULL               -- 0: it goes on
);
CREATE UNIQUE INDEX alert_open ON alert (kind, subject) WHERE closed_at = 0;
CREATE INDEX alert_closed ON alert (closed_at);

-- The numbers of `sample` by the minute, of the last day.
CREATE TABLE sample_minute (
  name TEXT NOT NULL,
  at BIGINT NOT NULL,                     -- when the minute began
  value BIGINT NOT NULL,
  PRIMARY KEY (name, at)
) {clustered};

-- Backups that were taken, and states of the configuration. Times are Unix milliseconds.

CREATE TABLE backup_run (
  id {id},
  target TEXT NOT NULL,                   -- the folder
  started_at BIGINT NOT NULL,
  ended_at BIGINT NOT NULL,               -- 0: it runs, or was broken off
  snapshot TEXT NOT NULL,                 -- its name there; empty: there is none
  messages BIGINT NOT NULL,
  written BIGINT NOT NULL,                -- bytes that were new
  verified_at BIGINT NOT NULL,            -- when all that it needs was read again; 0: never
  problem TEXT NOT NULL                   -- in words; empty: it went well
);
CREATE INDEX backup_run_started ON backup_run (started_at);

-- What domains, accounts, aliases and lists were, as one text: whenever it differs from the last.
CREATE TABLE configuration_version (
  id {id},
  at BIGINT NOT NULL,
  who TEXT NOT NULL,                      -- who applied it; empty: noticed after single changes
  text TEXT NOT NULL
);

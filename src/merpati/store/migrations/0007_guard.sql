-- What accounts usually send, to whom, and those that may not send for now.

CREATE TABLE habit (
  account_id BIGINT PRIMARY KEY,
  data {bytes} NOT NULL,                  -- model/habit.py: Habit, msgpack; empty: nothing yet
  frozen_at BIGINT NOT NULL,              -- since when it may not send; 0: it may
  limits TEXT NOT NULL                    -- its own limits, JSON; empty: as the settings say
) {clustered};

CREATE TABLE known_recipient (
  account_id BIGINT NOT NULL,
  hash BIGINT NOT NULL,                   -- of the address, lower case (store/habits.py)
  day BIGINT NOT NULL,                    -- about when it was last written to, days since 1970
  PRIMARY KEY (account_id, hash)
) {clustered};

CREATE TABLE sending_freeze (
  account_id BIGINT NOT NULL,
  at BIGINT NOT NULL,
  reasons TEXT NOT NULL,                  -- model/habit.py: Reason, JSON
  peer TEXT NOT NULL,                     -- the client of the last message
  password {bytes} NOT NULL,              -- mark of the password that it had
  told BIGINT NOT NULL,                   -- 1: the queue is held, and people are told
  ended_at BIGINT NOT NULL,               -- 0: it lasts
  PRIMARY KEY (account_id, at)
) {clustered};
CREATE INDEX sending_freeze_untold ON sending_freeze (at) WHERE told = 0;

-- What all accounts of a domain have sent together.
CREATE TABLE outflow (
  domain_id BIGINT PRIMARY KEY,
  data {bytes} NOT NULL,                  -- model/habit.py: Flow, msgpack; empty: nothing yet
  limits TEXT NOT NULL                    -- as in habit
) {clustered};

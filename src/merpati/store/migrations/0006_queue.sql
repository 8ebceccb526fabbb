-- The queue by destination: what is due is found through the destinations, so that mail for
-- one that is down costs nothing but its row here.

DROP INDEX queue_due;
DROP INDEX queue_destination;

CREATE TABLE queue_destination (
  name TEXT PRIMARY KEY,                  -- as in queue_recipient.destination
  due_at BIGINT NOT NULL,                 -- nothing of it is to be tried before
  failures BIGINT NOT NULL,               -- in a row; 0: nothing is known against it
  failed_at BIGINT NOT NULL,              -- when it could last not be reached; 0: never
  succeeded_at BIGINT NOT NULL,           -- when it last took something; 0: never
  status TEXT NOT NULL,                   -- of the last failure: enhanced status code
  reply TEXT NOT NULL,                    -- and the words
  remote TEXT NOT NULL,                   -- and who said so
  lanes BIGINT NOT NULL,                  -- connections a worker may have to it at once now
  pause BIGINT NOT NULL                   -- milliseconds a worker leaves between two messages now
) {clustered};
CREATE INDEX queue_destination_due ON queue_destination (due_at);

ALTER TABLE queue_message ADD COLUMN look_at BIGINT NOT NULL DEFAULT 0;      -- next warning or end
ALTER TABLE queue_message ADD COLUMN own BIGINT NOT NULL DEFAULT 0;          -- made or submitted here: signed as it leaves
ALTER TABLE queue_message ADD COLUMN options TEXT NOT NULL DEFAULT '';       -- model.arrival.Options, JSON
UPDATE queue_message SET look_at =
  CASE WHEN warn_at > 0 AND warn_at < expires_at THEN warn_at ELSE expires_at END;
CREATE INDEX queue_look ON queue_message (look_at);

ALTER TABLE queue_recipient ADD COLUMN rank BIGINT NOT NULL DEFAULT 0;       -- RFC 6710: minus the priority
ALTER TABLE queue_recipient ADD COLUMN notify TEXT NOT NULL DEFAULT '';      -- RFC 3461 4.1
ALTER TABLE queue_recipient ADD COLUMN orcpt TEXT NOT NULL DEFAULT '';       -- RFC 3461 4.2
ALTER TABLE queue_recipient ADD COLUMN give_up BIGINT NOT NULL DEFAULT 0;    -- to be returned untried
ALTER TABLE queue_recipient ADD COLUMN rule_id BIGINT NOT NULL DEFAULT 0;    -- the rule that holds it
ALTER TABLE queue_recipient ADD COLUMN reason TEXT NOT NULL DEFAULT '';      -- why it is held

INSERT INTO queue_destination
  (name, due_at, failures, failed_at, succeeded_at, status, reply, remote, lanes, pause)
  SELECT DISTINCT destination, 0, 0, 0, 0, '', '', '', 0, 0 FROM queue_recipient;

CREATE INDEX queue_ready ON queue_recipient (destination, rank, next_at) WHERE held = 0;
CREATE INDEX queue_held ON queue_recipient (destination, rule_id) WHERE held = 1;
CREATE INDEX queue_leased ON queue_recipient (lease) WHERE lease <> '';

-- Rules of the administrator that hold new mail. Patterns have `*`; an empty one fits all.
CREATE TABLE queue_rule (
  id {id},
  sender TEXT NOT NULL,
  recipient TEXT NOT NULL,
  destination TEXT NOT NULL,
  reason TEXT NOT NULL,
  created_at BIGINT NOT NULL
);

-- Addresses elsewhere that do not exist: nothing is sent there for a while.
CREATE TABLE suppression (
  address TEXT PRIMARY KEY,               -- lower case
  since BIGINT NOT NULL,
  until BIGINT NOT NULL,
  count BIGINT NOT NULL,                  -- how often it has failed for good
  status TEXT NOT NULL,
  reply TEXT NOT NULL,
  remote TEXT NOT NULL
) {clustered};
CREATE INDEX suppression_until ON suppression (until);

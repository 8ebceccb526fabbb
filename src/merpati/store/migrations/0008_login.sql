-- What this installation keeps to itself, made at random when it is first needed.
CREATE TABLE secret (
  name TEXT PRIMARY KEY,
  value {bytes} NOT NULL
);

-- Transport security: policies, what became of sessions, reports, certificates.
-- Nothing here grows with mail in accounts. Times are Unix milliseconds, days Unix days.

-- Work that must be done once, by whichever worker of whichever node comes first.
CREATE TABLE lease (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  ends_at BIGINT NOT NULL                 -- then anybody may take it
);
CREATE INDEX lease_ends ON lease (ends_at);

-- MTA-STS policies of other domains (RFC 8461 3.3).
CREATE TABLE sts_policy (
  domain TEXT PRIMARY KEY,                -- A-labels, lower case
  policy_id TEXT NOT NULL,                -- of the record that announced it
  policy TEXT NOT NULL,                   -- as wire/mta_sts.py writes it
  expires_at BIGINT NOT NULL
);
CREATE INDEX sts_policy_expires ON sts_policy (expires_at);

-- The policies of our own domains that this server hosts.
CREATE TABLE sts_hosted (
  domain_id BIGINT PRIMARY KEY,
  mode TEXT NOT NULL,                     -- enforce, testing, none
  max_age BIGINT NOT NULL                 -- seconds
);

-- Outgoing sessions of a day by how they went, until they are reported (RFC 8460).
CREATE TABLE tls_session (
  day BIGINT NOT NULL,
  domain TEXT NOT NULL,                   -- A-labels, lower case
  policy TEXT NOT NULL,                   -- JSON, as it stands in the report
  result TEXT NOT NULL,                   -- empty: as promised
  host TEXT NOT NULL,                     -- of the receiver; empty for sessions as promised
  address TEXT NOT NULL,
  reason TEXT NOT NULL,
  sessions BIGINT NOT NULL,
  PRIMARY KEY (day, domain, policy, result, host, address)
) {clustered};

-- Reports that others sent about our domains.
CREATE TABLE tls_report (
  id {id},
  domain TEXT NOT NULL,
  organization TEXT NOT NULL,
  report_id TEXT NOT NULL,
  received_at BIGINT NOT NULL,
  good BIGINT NOT NULL,                   -- sessions as promised
  bad BIGINT NOT NULL,
  report {bytes} NOT NULL                 -- JSON in gzip
);
CREATE UNIQUE INDEX tls_report_once ON tls_report (domain, organization, report_id);
CREATE INDEX tls_report_received ON tls_report (received_at);

-- Our accounts with certificate authorities (RFC 8555 7.3).
CREATE TABLE acme_account (
  directory TEXT PRIMARY KEY,             -- the authority's URL
  url TEXT NOT NULL,                      -- the account's
  private_key TEXT NOT NULL               -- PEM
);

-- Proofs that an authority is about to look for.
CREATE TABLE acme_challenge (
  kind TEXT NOT NULL,                     -- http-01, tls-alpn-01
  subject TEXT NOT NULL,                  -- the token, or the host name
  answer TEXT NOT NULL,                   -- the key authorization
  expires_at BIGINT NOT NULL,
  PRIMARY KEY (kind, subject)
) {clustered};

-- Certificates ordered by this installation.
CREATE TABLE certificate (
  name TEXT PRIMARY KEY,                  -- the first of its names
  names TEXT NOT NULL,                    -- sorted, separated by spaces
  chain TEXT NOT NULL,                    -- PEM, leaf first; empty: none has come yet
  private_key TEXT NOT NULL,              -- PEM
  not_after BIGINT NOT NULL,
  renew_at BIGINT NOT NULL,               -- when the next one is to be ordered
  failures BIGINT NOT NULL,               -- since the last success
  problem TEXT NOT NULL                   -- of the last try, in words; empty: it went well
);

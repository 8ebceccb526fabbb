-- DMARC: what mail of other domains came to, until it is reported; what others report of ours.
-- Nothing here grows with mail in accounts. Times are Unix milliseconds, days Unix days (UTC).

-- Messages of a day that came to the same (RFC 9990 3.1).
CREATE TABLE dmarc_count (
  day BIGINT NOT NULL,
  domain TEXT NOT NULL,                   -- whose policy applied: A-labels, lower case
  row TEXT NOT NULL,                      -- JSON of wire.reports.aggregate.Row, its count 0
  messages BIGINT NOT NULL,
  PRIMARY KEY (day, domain, row)
) {clustered};

-- The policy that applied, as it was last seen on that day.
CREATE TABLE dmarc_policy (
  day BIGINT NOT NULL,
  domain TEXT NOT NULL,
  record TEXT NOT NULL,                   -- JSON of wire.dmarc.record.Record
  PRIMARY KEY (day, domain)
) {clustered};

-- Reports that others sent about our domains.
CREATE TABLE dmarc_report (
  id {id},
  domain TEXT NOT NULL,
  organization TEXT NOT NULL,
  report_id TEXT NOT NULL,
  begin_at BIGINT NOT NULL,
  end_at BIGINT NOT NULL,
  received_at BIGINT NOT NULL,
  policy TEXT NOT NULL                    -- p of the record, as they saw it
);
CREATE UNIQUE INDEX dmarc_report_once ON dmarc_report (domain, organization, report_id);
CREATE INDEX dmarc_report_end ON dmarc_report (domain, end_at);
CREATE INDEX dmarc_report_received ON dmarc_report (received_at);

-- What they say, by source: the digest of a report.
CREATE TABLE dmarc_source (
  report_id BIGINT NOT NULL,
  n BIGINT NOT NULL,
  source_ip TEXT NOT NULL,
  messages BIGINT NOT NULL,
  dkim_aligned BIGINT NOT NULL,
  spf_aligned BIGINT NOT NULL,
  disposition TEXT NOT NULL,
  header_from TEXT NOT NULL,
  signer TEXT NOT NULL,                   -- domain of the best signature; empty without one
  envelope TEXT NOT NULL,                 -- domain of MAIL FROM
  PRIMARY KEY (report_id, n)
) {clustered};

-- Keys that sign mail of a domain (DKIM, ARC). docs/design/signing.md has the table of states.
CREATE TABLE signing_key (
  id {id},
  domain_id BIGINT NOT NULL,
  selector TEXT NOT NULL,
  kind TEXT NOT NULL,                     -- rsa, ed25519
  state TEXT NOT NULL,                    -- next, active, retired
  private_key TEXT NOT NULL,              -- PKCS#8 PEM; empty once it is retired
  record TEXT NOT NULL,                   -- what the DNS is to have at selector._domainkey.domain
  created_at BIGINT NOT NULL,
  state_at BIGINT NOT NULL,               -- since when it is in its state
  published_at BIGINT NOT NULL,           -- since when the DNS shows it; 0: it does not
  check_at BIGINT NOT NULL                -- when to ask the DNS next; while claimed: when again
);
CREATE UNIQUE INDEX signing_key_selector ON signing_key (domain_id, selector);
CREATE UNIQUE INDEX signing_key_current ON signing_key (domain_id, kind, state)
  WHERE state <> 'retired';
CREATE INDEX signing_key_check ON signing_key (check_at);

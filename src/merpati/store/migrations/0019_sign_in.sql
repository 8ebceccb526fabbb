-- How people sign in: sessions with their tokens, second factors, app passwords, and a history.
-- Whatever opens something is kept as its SHA-256 (these secrets are random and long).

CREATE TABLE web_session (
  id {id},
  account_id BIGINT NOT NULL,
  family {bytes} NOT NULL UNIQUE,         -- hash of the part that all its refresh tokens share
  refresh {bytes} NOT NULL,               -- hash of the secret part of the one that is good
  previous {bytes} NOT NULL,              -- of the one before it
  handover {bytes} NOT NULL,              -- the good secret, sealed with the one before it
  rotated_at BIGINT NOT NULL,
  kind TEXT NOT NULL,                     -- store/web_sessions.py: BROWSER or APPLICATION
  client_id TEXT NOT NULL,                -- of an application; empty: a browser
  client TEXT NOT NULL,                   -- what it says it is
  scope TEXT NOT NULL,                    -- of an application, separated by spaces
  peer TEXT NOT NULL,                     -- where it was last seen
  remember BIGINT NOT NULL,               -- 1: it outlives the browser's own session
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  proven_at BIGINT NOT NULL,              -- when the person last proved who it is
  expires_at BIGINT NOT NULL
);
CREATE INDEX web_session_account ON web_session (account_id);
CREATE INDEX web_session_expiry ON web_session (expires_at);

CREATE TABLE access_token (
  hash {bytes} PRIMARY KEY,
  account_id BIGINT NOT NULL,
  session_id BIGINT NOT NULL,
  expires_at BIGINT NOT NULL
) {clustered};
CREATE INDEX access_token_session ON access_token (session_id);
CREATE INDEX access_token_expiry ON access_token (expires_at);

-- Something begun that waits for its next step: a challenge, an authorization code, a device.
CREATE TABLE ticket (
  hash {bytes} PRIMARY KEY,
  kind TEXT NOT NULL,
  account_id BIGINT NOT NULL,             -- 0: nobody's yet
  data TEXT NOT NULL,                     -- JSON
  tries BIGINT NOT NULL,
  used_at BIGINT NOT NULL,                -- 0: not yet
  expires_at BIGINT NOT NULL
) {clustered};
CREATE INDEX ticket_expiry ON ticket (expires_at);

CREATE TABLE app_password (
  account_id BIGINT NOT NULL,
  id TEXT NOT NULL,                       -- the part of the password that is no secret
  hash {bytes} NOT NULL,                  -- of the rest
  name TEXT NOT NULL,
  protocols TEXT NOT NULL,                -- separated by spaces
  networks TEXT NOT NULL,                 -- separated by spaces; empty: from anywhere
  created_at BIGINT NOT NULL,
  expires_at BIGINT NOT NULL,             -- 0: never
  used_at BIGINT NOT NULL,                -- 0: never
  used_from TEXT NOT NULL,
  used_for TEXT NOT NULL,
  PRIMARY KEY (account_id, id)
) {clustered};

CREATE TABLE totp (
  account_id BIGINT PRIMARY KEY,
  secret {bytes} NOT NULL,                -- sealed (services/sealing.py)
  confirmed_at BIGINT NOT NULL,           -- 0: enrolment has only begun
  last_step BIGINT NOT NULL               -- the newest time step whose code was used
);

CREATE TABLE recovery_code (
  account_id BIGINT NOT NULL,
  hash {bytes} NOT NULL,
  PRIMARY KEY (account_id, hash)
) {clustered};

CREATE TABLE passkey (
  account_id BIGINT NOT NULL,
  id TEXT NOT NULL,                       -- hash of the credential's id, URL-safe base64
  rp TEXT NOT NULL,                       -- the relying party it was made for: our host name
  credential {bytes} NOT NULL,            -- attested credential data (WebAuthn 6.5.1)
  counter BIGINT NOT NULL,                -- of its last signature
  name TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (account_id, id)
) {clustered};
CREATE UNIQUE INDEX passkey_id ON passkey (id);

-- Equal attempts of an hour are one row.
CREATE TABLE sign_in_event (
  account_id BIGINT NOT NULL,
  hour BIGINT NOT NULL,                   -- hours since 1970
  protocol TEXT NOT NULL,
  peer TEXT NOT NULL,
  means TEXT NOT NULL,
  what TEXT NOT NULL,                     -- which app password, passkey or application
  success BIGINT NOT NULL,
  client TEXT NOT NULL,
  first_at BIGINT NOT NULL,
  at BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (account_id, hour, protocol, peer, means, what, success)
) {clustered};

-- Programs that people may let in (RFC 7591).
CREATE TABLE oauth_client (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  uri TEXT NOT NULL,
  redirect_uris TEXT NOT NULL,            -- JSON
  software TEXT NOT NULL,
  created_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL                 -- 0: nobody has let it in yet
);

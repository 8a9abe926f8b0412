-- What is kept. Times are seconds since 1970; what opens something is kept as a hash.

CREATE TABLE IF NOT EXISTS users (
  name     TEXT PRIMARY KEY,               -- the subject of tokens: never given to anybody else
  email    TEXT UNIQUE,
  password TEXT NOT NULL,                  -- argon2id, with its salt and its cost
  rooms    TEXT NOT NULL,                  -- the claim `rooms`, as JSON
  disabled INTEGER NOT NULL DEFAULT 0
) STRICT;

-- One login, and all that comes of it: the family of its refresh tokens, or its cookie.
CREATE TABLE IF NOT EXISTS sessions (
  sid    TEXT PRIMARY KEY,
  user   TEXT NOT NULL REFERENCES users,
  began  INTEGER NOT NULL,                 -- the claim `orig_iat`
  cookie BLOB UNIQUE,                      -- hash; NULL: it has refresh tokens
  ended  TEXT                              -- why; NULL: it has not
) STRICT;
CREATE INDEX IF NOT EXISTS sessions_by_user ON sessions (user);

CREATE TABLE IF NOT EXISTS refresh_tokens (
  hash BLOB PRIMARY KEY,
  sid  TEXT NOT NULL REFERENCES sessions ON DELETE CASCADE,
  used INTEGER                             -- when; NULL: not yet
) STRICT;
CREATE INDEX IF NOT EXISTS refresh_tokens_by_session ON refresh_tokens (sid);

CREATE TABLE IF NOT EXISTS codes (
  challenge BLOB PRIMARY KEY,              -- hash of what the browser that asked has
  user      TEXT REFERENCES users,         -- NULL: there is none, and the code opens nothing
  tag       BLOB NOT NULL,                 -- HMAC of the code, with a key that is not in here
  expires   INTEGER NOT NULL,
  tries     INTEGER NOT NULL               -- that are left
) STRICT;

-- Tries of what is limited, until they are old enough to be forgotten.
CREATE TABLE IF NOT EXISTS tries (
  bucket TEXT NOT NULL,
  at     INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS tries_by_bucket ON tries (bucket, at);
CREATE INDEX IF NOT EXISTS tries_by_time ON tries (at);

CREATE TABLE IF NOT EXISTS keys (
  kid    TEXT PRIMARY KEY,
  pkcs8  BLOB NOT NULL,                    -- private: the file has mode 0600
  point  BLOB NOT NULL,                    -- public: 0x04, x, y
  signs  INTEGER NOT NULL                  -- from when on
) STRICT;

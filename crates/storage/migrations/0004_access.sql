-- What a session's list calls the device.
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';
DROP INDEX sessions_by_user;
CREATE INDEX sessions_by_use ON sessions (user_id, last_seen_at);

-- Codes for signing up, which are nobody's yet, and links for resetting a password: each good once, until its time.
CREATE TABLE tickets (
  token_hash BLOB NOT NULL PRIMARY KEY,
  purpose TEXT NOT NULL,
  user_id TEXT REFERENCES users (id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_user ON tickets (user_id) WHERE user_id IS NOT NULL;
CREATE INDEX tickets_by_end ON tickets (expires_at);

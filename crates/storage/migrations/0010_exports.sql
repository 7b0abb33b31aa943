-- Files that people had made of projects, and those that are being made.
CREATE TABLE exports (
  id TEXT NOT NULL PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES projects (id),
  user_id TEXT NOT NULL REFERENCES users (id),
  name TEXT NOT NULL,
  -- What to make, as JSON.
  settings TEXT NOT NULL,
  stems INTEGER NOT NULL,
  -- The entry of the project's log after which the song is exported.
  seq INTEGER NOT NULL,
  -- waiting, running, done, failed, cancelled; removed: nobody sees it any more, but its bytes may be here.
  state TEXT NOT NULL,
  progress REAL NOT NULL DEFAULT 0,
  error TEXT,
  -- What was made.
  blob TEXT,
  bytes INTEGER,
  created_at INTEGER NOT NULL,
  -- Until when it is kept; null while it is not made.
  expires_at INTEGER
) STRICT;
CREATE INDEX exports_by_owner ON exports (user_id, project_id, created_at DESC, id DESC);
CREATE INDEX exports_by_state ON exports (state, user_id);
CREATE INDEX exports_by_blob ON exports (blob) WHERE blob IS NOT NULL;
CREATE INDEX exports_kept ON exports (bytes, user_id) WHERE bytes IS NOT NULL;
CREATE INDEX exports_ended ON exports (expires_at) WHERE expires_at IS NOT NULL;

-- Records: one column for each field of model::schema, named in snake case. Times are ISO 8601 text, as on the wire;
-- lists and objects are JSON text. A field that is null is absent.

CREATE TABLE users (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  name TEXT,
  colour TEXT,
  email TEXT,
  created_at TEXT,
  updated_at TEXT,
  -- Not a field of the record: whether it is a demo account.
  is_demo INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX users_by_email ON users (email) WHERE email IS NOT NULL;

CREATE TABLE projects (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  name TEXT,
  bpm REAL,
  time_signature TEXT,
  sample_rate REAL,
  master_volume REAL,
  created_by TEXT,
  collaborators TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;

CREATE TABLE project_members (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  project_id TEXT NOT NULL REFERENCES projects (id),
  user_id TEXT,
  role TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX project_members_by_project ON project_members (project_id, user_id);
CREATE INDEX project_members_by_user ON project_members (user_id, project_id);

CREATE TABLE tracks (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  project_id TEXT NOT NULL REFERENCES projects (id),
  name TEXT,
  type TEXT,
  volume REAL,
  pan REAL,
  muted INTEGER,
  solo INTEGER,
  colour TEXT,
  order_index REAL,
  order_key TEXT,
  plugins TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX tracks_by_project ON tracks (project_id);

CREATE TABLE audio_files (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  project_id TEXT NOT NULL REFERENCES projects (id),
  filename TEXT,
  content_hash TEXT,
  size_bytes REAL,
  mime_type TEXT,
  uploaded_by TEXT,
  state TEXT,
  refusal TEXT,
  storage_key TEXT,
  playback_key TEXT,
  waveform_key TEXT,
  peaks_data TEXT,
  duration_seconds REAL,
  frames REAL,
  sample_rate REAL,
  channels REAL,
  bit_depth REAL,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX audio_files_by_project ON audio_files (project_id);

CREATE TABLE clips (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  track_id TEXT,
  project_id TEXT NOT NULL REFERENCES projects (id),
  name TEXT,
  start_beat REAL,
  duration_beats REAL,
  audio_file_id TEXT,
  audio_start_offset REAL,
  audio_end_offset REAL,
  midi_data TEXT,
  gain REAL,
  fade_in REAL,
  fade_out REAL,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX clips_by_project ON clips (project_id);

CREATE TABLE automation (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  track_id TEXT,
  project_id TEXT NOT NULL REFERENCES projects (id),
  parameter TEXT,
  points TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX automation_by_project ON automation (project_id);

-- Passwords, where no pointer leads (U3).
CREATE TABLE credentials (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),
  password_hash TEXT NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;

-- Times from here on are milliseconds since 1970.
CREATE TABLE sessions (
  token_hash BLOB NOT NULL PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- A log for each project, and for each user's own record. `scope` is the project's id, or `user:` and the user's.
CREATE TABLE logs (
  id INTEGER PRIMARY KEY,
  scope TEXT NOT NULL UNIQUE,
  epoch TEXT NOT NULL,
  seq INTEGER NOT NULL
) STRICT;

-- Kept for ever: (author_id, tx_id) tells a repeat (WR6).
CREATE TABLE transactions (
  log_id INTEGER NOT NULL REFERENCES logs (id),
  seq INTEGER NOT NULL,
  author_id TEXT NOT NULL,
  tx_id TEXT NOT NULL,
  time INTEGER NOT NULL,
  payload_hash BLOB NOT NULL,
  operations TEXT NOT NULL,
  inverse TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX transactions_in_order ON transactions (log_id, seq);
CREATE UNIQUE INDEX transactions_by_author ON transactions (author_id, tx_id);

CREATE TABLE jobs (
  id TEXT NOT NULL PRIMARY KEY,
  kind TEXT NOT NULL,
  unique_key TEXT UNIQUE,
  payload TEXT NOT NULL,
  state TEXT NOT NULL,
  priority INTEGER NOT NULL,
  run_after INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  attempts_max INTEGER NOT NULL,
  lease TEXT,
  leased_until INTEGER,
  error TEXT,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX jobs_ready ON jobs (kind, priority DESC, run_after, id) WHERE state = 'ready';
CREATE INDEX jobs_leased ON jobs (leased_until) WHERE state = 'running';

CREATE TABLE secrets (
  name TEXT NOT NULL PRIMARY KEY,
  value BLOB NOT NULL
) STRICT;

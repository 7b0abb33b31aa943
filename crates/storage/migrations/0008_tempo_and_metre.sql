-- Where the tempo of a project changes, and where its metre does.
CREATE TABLE tempo_changes (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  stamps TEXT,
  seq INTEGER NOT NULL DEFAULT 0,
  project_id TEXT NOT NULL REFERENCES projects (id),
  beat REAL,
  bpm REAL,
  curve TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX tempo_changes_by_project ON tempo_changes (project_id);

CREATE TABLE time_signatures (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  stamps TEXT,
  seq INTEGER NOT NULL DEFAULT 0,
  project_id TEXT NOT NULL REFERENCES projects (id),
  beat REAL,
  time_signature TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT
) STRICT;
CREATE INDEX time_signatures_by_project ON time_signatures (project_id);

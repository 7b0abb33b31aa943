-- Who last wrote which part of a record (UN3), as JSON: [[path, transaction, version], …].
ALTER TABLE users ADD COLUMN stamps TEXT;
ALTER TABLE projects ADD COLUMN stamps TEXT;
ALTER TABLE project_members ADD COLUMN stamps TEXT;
ALTER TABLE tracks ADD COLUMN stamps TEXT;
ALTER TABLE audio_files ADD COLUMN stamps TEXT;
ALTER TABLE clips ADD COLUMN stamps TEXT;
ALTER TABLE automation ADD COLUMN stamps TEXT;

-- What the transactions of one gesture have in common (UN2).
ALTER TABLE transactions ADD COLUMN gesture TEXT;

-- Named versions: the song as the transaction that named it left it (WR8).
CREATE TABLE versions (
  id TEXT NOT NULL PRIMARY KEY,
  version INTEGER NOT NULL,
  project_id TEXT NOT NULL REFERENCES projects (id),
  name TEXT,
  tx_id TEXT,
  created_by TEXT,
  created_at TEXT,
  updated_at TEXT,
  deleted TEXT,
  stamps TEXT
) STRICT;
CREATE INDEX versions_by_project ON versions (project_id);

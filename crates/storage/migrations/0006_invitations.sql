-- Links that let people into a project (PE4). The token itself is kept nowhere.
CREATE TABLE invitations (
  id TEXT NOT NULL PRIMARY KEY,
  project_id TEXT NOT NULL REFERENCES projects (id),
  token_hash BLOB NOT NULL UNIQUE,
  role TEXT NOT NULL,
  -- How many people may join by it; null: as many as like.
  uses_max INTEGER,
  created_by TEXT NOT NULL REFERENCES users (id),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER
) STRICT;
CREATE INDEX invitations_by_project ON invitations (project_id, created_at, id);

-- Who has used one. Not joined: they are about to, and count already, so that two cannot use the last use.
CREATE TABLE invitation_uses (
  invitation_id TEXT NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
  user_id TEXT NOT NULL REFERENCES users (id),
  joined INTEGER NOT NULL,
  PRIMARY KEY (invitation_id, user_id)
) STRICT, WITHOUT ROWID;

-- The log comes first (WR8): a row may lag behind it, and says which entry it reflects.
ALTER TABLE users ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE projects ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE project_members ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE tracks ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE audio_files ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE clips ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE automation ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN seq INTEGER NOT NULL DEFAULT 0;

-- The entry up to which every row has been written. Until now each commit wrote them all.
ALTER TABLE logs ADD COLUMN materialised_seq INTEGER NOT NULL DEFAULT 0;
UPDATE logs SET materialised_seq = seq;

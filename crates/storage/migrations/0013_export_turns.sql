-- Whose export comes next (EX7): what a person has had made is kept with the person, and not in exports that they may remove.
CREATE TABLE export_turns (
  user_id TEXT NOT NULL PRIMARY KEY REFERENCES users (id),
  -- The round of their last export: in each round everybody has one.
  round INTEGER NOT NULL,
  -- Minutes of a track that were begun for them. They are halved after each day, counted from `halved_at`.
  used INTEGER NOT NULL,
  halved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX export_turns_by_round ON export_turns (round);

ALTER TABLE exports ADD COLUMN weight INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exports ADD COLUMN begun INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exports ADD COLUMN job_id TEXT;
UPDATE exports SET weight = turn_end - turn, begun = state <> 'waiting' AND turn_end > turn,
  job_id = (SELECT jobs.id FROM jobs WHERE jobs.unique_key = 'export:' || exports.id);

-- From here on `turn` is an export's round.
UPDATE exports SET turn = (SELECT COUNT(*) FROM exports AS earlier
  WHERE earlier.user_id = exports.user_id AND earlier.state IN ('waiting', 'running')
  AND (earlier.turn_end, earlier.id) < (exports.turn_end, exports.id));
UPDATE jobs SET priority = -(SELECT exports.turn << 24 FROM exports WHERE exports.job_id = jobs.id)
  WHERE id IN (SELECT job_id FROM exports WHERE state IN ('waiting', 'running'));
INSERT INTO export_turns (user_id, round, used, halved_at)
  SELECT user_id, MAX(CASE WHEN state IN ('waiting', 'running') THEN turn ELSE 0 END), SUM(weight * begun), MAX(created_at)
  FROM exports GROUP BY user_id;

DROP INDEX exports_turns_ended;
DROP INDEX exports_turns_of_one;
DROP INDEX exports_by_state;
ALTER TABLE exports DROP COLUMN turn_end;
CREATE INDEX exports_turns_of_one ON exports (state, user_id, turn);

-- Whose export comes next. An export's turn is where its person's last one ended, and not before that of the ones under way; it ends later by
-- as much as there is to do. Those of the earliest turn are made first.
ALTER TABLE exports ADD COLUMN turn INTEGER NOT NULL DEFAULT 0;
ALTER TABLE exports ADD COLUMN turn_end INTEGER NOT NULL DEFAULT 0;
CREATE INDEX exports_turns_of_all ON exports (state, turn);
CREATE INDEX exports_turns_ended ON exports (turn_end);
CREATE INDEX exports_turns_of_one ON exports (user_id, turn_end);

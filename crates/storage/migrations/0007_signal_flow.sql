-- Where a track goes, what it sends elsewhere, and the master's effects.
ALTER TABLE projects ADD COLUMN plugins TEXT;
ALTER TABLE tracks ADD COLUMN output TEXT;
ALTER TABLE tracks ADD COLUMN sends TEXT;

-- How a clip fades, that it plays backwards, what of it is repeated.
ALTER TABLE clips ADD COLUMN fade_in_shape TEXT;
ALTER TABLE clips ADD COLUMN fade_out_shape TEXT;
ALTER TABLE clips ADD COLUMN reversed INTEGER;
ALTER TABLE clips ADD COLUMN loop_beats REAL;

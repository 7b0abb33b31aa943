-- How much of a clip's fades lies outside it.
ALTER TABLE clips ADD COLUMN fade_in_before REAL;
ALTER TABLE clips ADD COLUMN fade_out_behind REAL;

-- About how many bytes a log takes, as far as its rows have been written: what a host lets one song's history grow to is compared
-- with it.
ALTER TABLE logs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE logs SET bytes = (SELECT coalesce(sum(octet_length(operations) + octet_length(inverse)), 0) FROM transactions
  WHERE place > logs.id << 36 AND place <= (logs.id << 36) + materialised_seq);

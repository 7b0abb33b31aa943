-- The entries of a log lie beside each other, in order: `place` is the log's number times 2^36, and the entry's. An index
-- less to lengthen with every edit, and a page to read for many entries in place of one for each.
CREATE TABLE entries (
  place INTEGER PRIMARY KEY,
  author_id TEXT NOT NULL,
  tx_id TEXT NOT NULL,
  time INTEGER NOT NULL,
  payload_hash BLOB NOT NULL,
  gesture TEXT,
  operations TEXT NOT NULL,
  inverse TEXT NOT NULL
) STRICT;
INSERT INTO entries (place, author_id, tx_id, time, payload_hash, gesture, operations, inverse)
  SELECT (log_id << 36) + seq, author_id, tx_id, time, payload_hash, gesture, operations, inverse
  FROM transactions ORDER BY log_id, seq;
DROP TABLE transactions;
ALTER TABLE entries RENAME TO transactions;
-- Kept for ever: it tells a repeat (WR6).
CREATE UNIQUE INDEX transactions_by_author ON transactions (author_id, tx_id);

-- Old states that are near (WR12): now and then a project's records, as an entry of its log left them. `place` is that entry's.
CREATE TABLE snapshots (
  place INTEGER PRIMARY KEY,
  records BLOB NOT NULL
) STRICT;

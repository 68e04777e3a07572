-- Branches of one parent that are kept started and idle, for `velo run` and
-- `velo branch create --from-pool`.
CREATE TABLE branch_pool (
  parent_id   TEXT PRIMARY KEY REFERENCES branch (id) ON DELETE CASCADE,
  size        INTEGER NOT NULL,       -- how many are to be ready
  snapshot_id TEXT NOT NULL,          -- what they are cloned from; '' for the parent's newest
  ephemeral   INTEGER NOT NULL,       -- 1: with fsync off, and only `velo run` takes them
  error       TEXT NOT NULL           -- why it could not be filled when that was last tried; ''
) STRICT;

-- Branches that no person named: spares wait in their parent's pool, those of a `velo run` go when its
-- command ends. Whoever runs the command holds the lock lease-<branch id> from before the row can be
-- seen; a row of a run without a holder is a dead one's, and the branch goes.
CREATE TABLE temporary (
  branch_id   TEXT PRIMARY KEY REFERENCES branch (id) ON DELETE CASCADE,
  role        TEXT NOT NULL CHECK (role IN ('spare', 'run')),
  pid         INTEGER NOT NULL,       -- of the lock's holder; 0 for a spare
  ephemeral   INTEGER NOT NULL,
  snapshot_id TEXT NOT NULL,          -- what it was cloned from, may be gone; '' for the parent itself
  snapshot    TEXT NOT NULL,          -- that snapshot's label, or ''
  as_of       TEXT NOT NULL           -- nothing in it was committed later by the parent
) STRICT;

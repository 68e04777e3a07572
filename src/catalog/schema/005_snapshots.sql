-- Branches as they were at one moment. A snapshot is a life that nobody lives: an incarnation with
-- kept_reason 'snapshot', no kept_until, and a volume of its own that no server was started on: its
-- timeline and fork_lsn are where the recovery of its cluster begins. Or, after a restore, the life
-- that was replaced, with those that it always had.
CREATE TABLE snapshot (
  incarnation_id    TEXT PRIMARY KEY REFERENCES incarnation (id) ON DELETE CASCADE,
  of_incarnation_id TEXT NOT NULL,      -- the life that it shows; may be gone
  label             TEXT NOT NULL,      -- '' for none; one of a branch's snapshots at most has it
  purpose           TEXT NOT NULL,      -- 'asked', 'base', 'schedule', 'replaced'
  taken_at          TEXT NOT NULL       -- nothing in it was committed later
) STRICT;

-- Which branches are kept by a schedule.
CREATE TABLE schedule (
  branch_id TEXT PRIMARY KEY REFERENCES branch (id) ON DELETE CASCADE,
  every     INTEGER NOT NULL,           -- seconds
  keep      TEXT NOT NULL               -- "24h:1h,30d:1d"
) STRICT;

-- Snapshots of the parent's life that were taken later hold what is not this life's past; none: those
-- taken after created_at do.
ALTER TABLE incarnation ADD COLUMN forked_at TEXT;

-- Whether its servers archive their WAL, where `velo config get archive` says on (--no-archive).
ALTER TABLE branch ADD COLUMN archives INTEGER NOT NULL DEFAULT 1;

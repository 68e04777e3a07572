-- What exists. Only committed things have rows here: a branch that is being made is a reservation and
-- an operation's plan until its one commit.
--
-- Ids are 16 hex digits, random, never changed, never used again. Names are labels.
-- Times are RFC 3339 UTC text. Booleans are 0 or 1.

CREATE TABLE meta (                     -- one row for each fact about this home
  key   TEXT PRIMARY KEY,               -- 'home_id'; 'commits' (tally.h); 'pool_size …', a cache
  value TEXT NOT NULL
) STRICT;

CREATE TABLE setting (                  -- `velo config`
  key   TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE project (
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  driver         TEXT NOT NULL,         -- storage driver: 'btrfs', 'reflink', 'copy'
  pool           TEXT NOT NULL,         -- the place it serves
  storage_reason TEXT NOT NULL,         -- why that driver, in words
  runtime        TEXT NOT NULL,         -- 'native'
  pg_major       INTEGER NOT NULL,
  os_user        TEXT NOT NULL,         -- whom its servers run as, and who owns its files
  database       TEXT NOT NULL,         -- what URLs point at
  main_branch_id TEXT NOT NULL,         -- main is this branch, whatever its name
  created_at     TEXT NOT NULL,
  deleted_at     TEXT                   -- set: gone for everybody but undelete
) STRICT;
CREATE UNIQUE INDEX project_name ON project (name) WHERE deleted_at IS NULL;

CREATE TABLE branch (
  id               TEXT PRIMARY KEY,
  project_id       TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
  name             TEXT NOT NULL,
  parent_id        TEXT REFERENCES branch (id) ON DELETE SET NULL,
  incarnation_id   TEXT NOT NULL,       -- its present life
  superuser        TEXT NOT NULL,       -- the role that URLs log in as
  password_counter INTEGER NOT NULL,    -- passwords are derived from id, this and the key
  wants_running    INTEGER NOT NULL,    -- `velo up` starts it
  settings         TEXT NOT NULL,       -- JSON object: --pg-conf
  created_at       TEXT NOT NULL,
  reset_at         TEXT,
  deleted_at       TEXT
) STRICT;
CREATE UNIQUE INDEX branch_name ON branch (project_id, name) WHERE deleted_at IS NULL;
CREATE INDEX branch_parent ON branch (parent_id);

-- A branch's life between create, reset and restore; each has a volume of its own, and will have its
-- own archive.
CREATE TABLE incarnation (
  id                    TEXT PRIMARY KEY,
  branch_id             TEXT NOT NULL REFERENCES branch (id) ON DELETE CASCADE,
  volume                TEXT NOT NULL,  -- the name in the project's pool
  parent_incarnation_id TEXT,           -- what it was cloned from; none for a project's first
  timeline              INTEGER,        -- of the source at the fork, where known
  fork_lsn              TEXT,           -- the source's WAL position at the fork, where known
  bin_directory         TEXT NOT NULL,  -- the server build that opens it
  pg_version            TEXT NOT NULL,
  first_start           INTEGER NOT NULL, -- 1: never started as itself; the gate is closed
  created_at            TEXT NOT NULL,
  kept_since            TEXT,           -- set: no longer a branch's present life …
  kept_until            TEXT,           -- … and its volume goes after this
  kept_reason           TEXT            -- 'deleted' or 'reset'
) STRICT;
CREATE INDEX incarnation_branch ON incarnation (branch_id);

-- Where clients find a branch; not the server's own socket. A deleted branch's is inactive.
CREATE TABLE endpoint (
  branch_id TEXT PRIMARY KEY REFERENCES branch (id) ON DELETE CASCADE,
  address   TEXT NOT NULL,
  port      INTEGER NOT NULL,
  active    INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX endpoint_port ON endpoint (port) WHERE active = 1;

CREATE TABLE size (                     -- a cache: walking extents takes tens of milliseconds
  incarnation_id TEXT PRIMARY KEY REFERENCES incarnation (id) ON DELETE CASCADE,
  referenced     INTEGER NOT NULL,      -- bytes
  exclusive      INTEGER NOT NULL,      -- bytes
  measured_at    TEXT NOT NULL
) STRICT;

-- The journal. A row is written, durably, before an operation's first step.
CREATE TABLE operation (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  kind         TEXT NOT NULL,           -- 'branch.create'
  subject      TEXT NOT NULL,           -- 'demo/dev'
  command      TEXT NOT NULL,           -- the command line
  pid          INTEGER NOT NULL,
  plan         TEXT NOT NULL,           -- JSON: locks, undo and finish actions (engine/plan.h)
  state        TEXT NOT NULL CHECK (state IN ('running', 'committed', 'done', 'undone')),
  started_at   TEXT NOT NULL,
  ended_at     TEXT,
  recovery     TEXT,                    -- 'undone' or 'finished' after a crash …
  recovered_by TEXT,                    -- … by this command line
  error        TEXT                     -- why it was undone, where it was not a crash
) STRICT;
CREATE INDEX operation_open ON operation (state) WHERE state IN ('running', 'committed');

-- Names, ports and volumes that a running operation will own, so that no two can plan the same.
CREATE TABLE reservation (
  kind         TEXT NOT NULL,           -- 'project', 'branch', 'port', 'volume'
  key          TEXT NOT NULL,
  operation_id INTEGER NOT NULL REFERENCES operation (id) ON DELETE CASCADE,
  PRIMARY KEY (kind, key)
) STRICT;

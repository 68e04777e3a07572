-- Servers in containers. project.runtime is 'native' or 'docker', and never changes by itself; os_user
-- is then 'uid:gid', as the image's user need not be one of this machine.

-- Why that runtime, in words.
ALTER TABLE project ADD COLUMN runtime_reason TEXT NOT NULL DEFAULT '';

-- What opens the cluster, where bin_directory is empty: the image's name as it was asked for, and what
-- that name meant then ('sha256:…').
ALTER TABLE incarnation ADD COLUMN image TEXT NOT NULL DEFAULT '';
ALTER TABLE incarnation ADD COLUMN image_digest TEXT NOT NULL DEFAULT '';

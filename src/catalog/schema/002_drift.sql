-- What a person was told of a cluster's collations, so that they are told once (engine/drift.h).
ALTER TABLE incarnation ADD COLUMN drift_told TEXT NOT NULL DEFAULT '';

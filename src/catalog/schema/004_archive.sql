-- Whether the image has basic_archive, the library that archives WAL without a shell. Of images that
-- were chosen earlier that is not known: 0.
ALTER TABLE incarnation ADD COLUMN basic_archive INTEGER NOT NULL DEFAULT 0;

// The commands that PostgreSQL runs, once for each segment: `velo wal push` as archive_command and
// `velo wal fetch` as restore_command.
//
// They start in milliseconds: no catalog, no parser, no VELO_HOME. Their exit codes are those that
// PostgreSQL knows, not those of errors.md.
#pragma once

#include <optional>

namespace velo::cli {

/// The exit code, when the words are one of these commands; else empty, and nothing was done.
///
///   velo wal push --archive DIRECTORY PATH NAME
///     0: it is there durably. 1: it is not, and PostgreSQL keeps it and tries again.
///   velo wal fetch --lineage FILE NAME TARGET
///     0: it is at TARGET. 1: it is not in the archive, and only that: PostgreSQL then ends its
///     recovery. 126: anything else, on which PostgreSQL ends itself instead
///     (RestoreArchivedFile in src/backend/access/transam/xlogarchive.c).
std::optional<int> run_wal_command(int argc, char** argv);

}  // namespace velo::cli

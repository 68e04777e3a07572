// What one recovery may read: where it looks for WAL, in which order, and how far each place
// serves.
//
// A clone keeps its parent's system identifier and timeline. From the fork on both write on, so
// that two different segments have one name, and PostgreSQL, which would replay either, cannot tell
// them apart. The place decides instead:
//   - An ancestor's archive serves a segment only when it ENDS at or before the LSN of the fork.
//   All
//     of what is in it was then written before the fork, and is the clone's own past.
//   - The segment that holds the fork, and every later one, comes from the branch's own archive or
//     pg_wal alone: the ancestor's file of that name goes on with the ancestor's later commits.
// History files come from any of them: they only say where timelines branched off.
//
// A lineage is a small text file, which `velo wal fetch` reads without asking the catalog:
//
//   velo lineage 1
//   segment_size 16777216
//   archive - /var/lib/velo/wal-archive/3f2c
//   pg_wal - /pool/velo/demo-dev/fs/pgdata/pg_wal
//   archive 0/5000028 /var/lib/velo/wal-archive/91ab
//
// Each line is a source: its kind, its limit ("-": none) and its directory, to the end of the line.
// Put it, alone in a directory of the recovering server's user, on the file system of its PGDATA:
// what is fetched ahead (prefetch.h) lies beside it, and is then moved instead of copied.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "postgres/wal.h"

namespace velo::archive {

namespace fs = std::filesystem;

enum class SourceKind {
  archive,  ///< an archive's directory (store.h)
  pg_wal,   ///< a cluster's, whose server may be running: it has what is not archived yet
};

struct Source {
  SourceKind kind = SourceKind::archive;
  fs::path directory;
  /// The LSN at which the branch left this one; none for its own.
  std::optional<postgres::Lsn> limit;

  bool operator==(const Source&) const = default;
};

struct Lineage {
  std::uint64_t segment_size = postgres::default_segment_size;
  /// In the order in which they are asked: the branch's own, then its ancestors', the nearest
  /// first. A pg_wal follows the archive of its server; where it has not got a segment, that
  /// archive is asked once more, which it may have gone to meanwhile.
  std::vector<Source> sources;

  bool operator==(const Lineage&) const = default;
};

/// Errc::usage for a path that a line cannot hold, or that is not absolute.
Result<std::string> to_text(const Lineage& lineage);
/// Errc::failed with what is wrong.
Result<Lineage> parse_lineage(std::string_view text);
Result<Lineage> read_lineage(const fs::path& file);

/// Whether this source may serve it at all.
bool may_serve(const Source& source, const postgres::WalName& name, std::uint64_t segment_size);

/// Where a file is.
struct Found {
  const Source* source = nullptr;  ///< of the lineage that was asked
  fs::path file;
};

/// Where the recovery finds `name`. Errc::not_found when none of the sources has it, and only then:
/// a source that cannot be read is an error. Errc::usage for what is no WAL file's name.
Result<Found> find(const Lineage& lineage, std::string_view name);

/// Writes it to `target`, as Store::get does; the file it came from. Errors as of find() and
/// Store::get: what is damaged in the source that has it is not looked for in the others.
///
/// A segment of a running server's pg_wal may be one that is being written: it ends where the WAL
/// did, which PostgreSQL finds by itself.
Result<Found> fetch(const Lineage& lineage, std::string_view name, const fs::path& target);

/// A line for the server's log: `name` could not be fetched, and why.
std::string fetch_failure(std::string_view name, const Error& error);
/// What the last such line in a log says, without its beginning; empty when there is none.
std::string_view last_fetch_failure(std::string_view log);

}  // namespace velo::archive

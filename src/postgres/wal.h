// LSNs and the names of WAL files (src/include/access/xlog_internal.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::postgres {

/// A position in the WAL, in bytes from its beginning.
using Lsn = std::uint64_t;

/// "16/B374D848" → number. Errc::failed for anything else.
Result<Lsn> parse_lsn(std::string_view text);
std::string to_string(Lsn lsn);

/// Bytes; `initdb --wal-segsize` chooses another, which pg_control and `SHOW wal_segment_size`
/// tell.
constexpr std::uint64_t default_segment_size = 16U << 20U;
/// A power of two from 1 MiB to 1 GiB (IsValidWalSegSize).
bool is_segment_size(std::uint64_t bytes);

/// 24 hex digits: timeline, then the segment's number split at 4 GiB.
std::string segment_name(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_size);
/// The segments that hold the bytes from `start` up to (not including) `end`; at least one.
std::vector<std::string> segments_between(std::uint32_t timeline, Lsn start, Lsn end,
                                          std::uint64_t segment_size);

enum class WalFile {
  segment,  ///< "000000010000000000000002"
  partial,  ///< "000000010000000000000002.partial": what a timeline that was left had of it
  history,  ///< "00000002.history": where a timeline branched off
  backup,   ///< "000000010000000000000002.00000028.backup": where a base backup began
};

/// The name of a file in pg_wal or in an archive, taken apart.
struct WalName {
  WalFile kind = WalFile::segment;
  std::uint32_t timeline = 0;
  std::uint32_t high = 0;    ///< a segment's: bits 32 to 63 of its LSNs
  std::uint32_t low = 0;     ///< a segment's: its number among those with the same `high`
  std::uint32_t offset = 0;  ///< a backup's: where in the segment it began, in bytes

  /// Whether there can be such a segment among those of this size; always of a history file. Not
  /// the very last one: no LSN names its end.
  bool fits(std::uint64_t segment_size) const;
  /// The segment's number, counted from the beginning of the WAL.
  std::uint64_t number(std::uint64_t segment_size) const;
  /// The segment's first byte, and the first one behind it.
  Lsn start(std::uint64_t segment_size) const;
  Lsn end(std::uint64_t segment_size) const;

  bool operator==(const WalName&) const = default;
};

/// Only what PostgreSQL itself would write: upper-case digits, full width, no timeline 0. Whatever
/// this accepts is one plain component of a path, and begins with a digit or A to F.
std::optional<WalName> parse_wal_name(std::string_view name);
std::string to_string(const WalName& name);
/// The segment `count` behind this one, on the same timeline.
WalName later_segment(const WalName& segment, std::uint64_t count, std::uint64_t segment_size);

/// Whether the server's words are that it does not start with archiving because of its wal_level
/// (PostmasterMain in postmaster.c: with "minimal" it refuses archive_mode). Both names are the
/// same in every translation.
bool refused_archiving(std::string_view log);

}  // namespace velo::postgres

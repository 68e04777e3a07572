// How far the WAL of a lineage goes, from where a recovery begins.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "archive/lineage.h"
#include "base/error.h"
#include "base/time.h"
#include "postgres/wal.h"

namespace velo::archive {

struct Coverage {
  std::size_t segments = 0;  ///< without a gap
  postgres::Lsn end = 0;     ///< the first byte behind them
  /// When the last of them was archived; none where only a pg_wal has it.
  std::optional<Timestamp> until;
  /// The first segment that is missing although the branch's own archive has later ones.
  std::optional<std::string> gap;
};

/// Of a recovery that begins with the record at `redo` on timeline `first` and follows it to
/// `last`. Each archive is listed once; a pg_wal is asked only for what no archive has.
Result<Coverage> coverage_of(const Lineage& lineage, std::uint32_t first, postgres::Lsn redo,
                             std::uint32_t last);

}  // namespace velo::archive

// How far back the moments of branches are kept that no schedule governs: automatic bases are taken
// and go, and archived WAL goes, by `velo config get retention`.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "engine/bases.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/snapshots.h"
#include "engine/wal.h"

namespace velo::engine {

/// `velo config get retention`; none: no limit.
Result<std::optional<std::chrono::seconds>> retention_period(Engine& engine);

Result<Lives> read_lives(Engine& engine);

/// After a branch was made from `parent`, whose locks may be held shared: takes a base of it when
/// its newest is older than a day, or there is none. Only where that is cheap, where WAL is
/// archived and where no schedule says how often. The use case is done whatever becomes of this: a
/// failure is a warning. Of several at once one takes it.
void renew_base(Engine& engine, const BranchRecords& parent);

struct Forgotten {
  std::string branch;            ///< "demo/main"
  std::vector<Cleaned> cleaned;  ///< bases, all removed; in a dry run: would be
  WalCleaned wal;
  std::optional<Error> error;  ///< this branch's; the others go on
};
/// Removes what only leads to moments before the retention period, of every branch without a
/// schedule: automatic bases, but for the one that a branch's moments are recovered from, and
/// archived WAL that no snapshot needs any more. Those of which nothing goes are not in the answer.
/// Waits so long for other commands on a branch: then it is Errc::in_use.
Result<std::vector<Forgotten>> forget_moments(Engine& engine, bool dry_run,
                                              std::chrono::milliseconds patience);

/// The same without waiting, once an hour in a home. Part of mend(); what goes wrong is a warning.
Result<void> forget_moments_hourly(Engine& engine);

}  // namespace velo::engine

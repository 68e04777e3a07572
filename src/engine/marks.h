// What a volume's mark holds of the records, so that they can be made again from the volumes where
// the catalog is lost; written when the volume is made.
//
// A mark is there before its volume's data is. That all of it is there is shown by a file beside
// PGDATA, made when a server has run on it as itself (note_life: a clone has its source's, which
// has another name); of a volume that is committed without that its mark says so (mark_whole).
#pragma once

#include <optional>

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "storage/driver.h"

namespace velo::engine {

storage::Mark mark_for(const Engine& engine, const BranchRecords& branch);

/// Just before the commit, of a volume on which no server was started as itself: that it is whole,
/// and whether it is a snapshot's. Durable when it returns.
Result<void> mark_whole(const Engine& engine, storage::Driver& driver, const BranchRecords& branch,
                        const std::optional<catalog::Snapshot>& snapshot);

/// That this life was led: its server ran as itself. Costs no sync: without it the volume is not
/// taken for a branch's, and not for lost.
Result<void> note_life(const BranchRecords& branch);
/// Takes away what note_life made, of any life.
Result<void> forget_lives(const std::filesystem::path& root);
bool was_led(const std::filesystem::path& root, const OsUser& owner, const std::string& life);

/// The records that a mark was made of, as they were then.
struct MarkedRecords {
  BranchRecords b;  ///< driver, pool and volume are for the caller to fill in
  bool is_main = false;
  bool is_whole = false;                      ///< said by mark_whole
  std::optional<catalog::Snapshot> snapshot;  ///< it is one's
};
/// Errc::state when it tells too little, or what cannot be: ids and names become parts of paths.
Result<MarkedRecords> records_in(const storage::Mark& mark);

}  // namespace velo::engine

// The operations that are killed, or fail, at each of their steps.
#pragma once

#include <ostream>
#include <string>
#include <vector>

#include "world.h"

namespace velo::test {

struct Case {
  std::string name;
  std::vector<std::string> (*command)(World&);
  /// Whether it has happened; expects everything about it to be as before or as after.
  bool (*happened)(World&);
  /// Makes the world as it was before the command.
  void (*restore)(World&);
  /// Whether there is something to undo before its commit.
  bool undoes = true;
  /// Whether the next command has anything to mend of it: it has a plan.
  bool has_plan = true;
  /// Whether it looks the same before and after.
  bool looks_alike = false;
};
inline void PrintTo(const Case& c, std::ostream* out) {
  *out << c.name;
}

extern const Case project_create;
extern const Case project_delete;  ///< for good
extern const Case project_bury;    ///< a deletion that keeps it for the grace period
extern const Case project_undelete;
extern const Case branch_create;
/// --when-busy replay, of so much that its server promotes; plain where a clone is not one moment.
extern const Case branch_create_promoted;
extern const Case branch_create_as_of;  ///< --pitr
extern const Case branch_create_at;     ///< --lsn
extern const Case branch_reset;
extern const Case branch_restore;
extern const Case branch_delete;
extern const Case branch_bury;
extern const Case branch_undelete;  ///< of a branch that was deleted
extern const Case branch_unreset;   ///< of what a reset took away
extern const Case branch_start;
extern const Case branch_stop;
extern const Case branch_restart;
extern const Case snapshot_create;
extern const Case snapshot_delete;
extern const Case snapshot_cleanup;
extern const Case schedule_set;
extern const Case schedule_run;
extern const Case wal_cleanup;
extern const Case config_set;  ///< of the grace period: what is kept goes

/// All of them.
std::vector<Case> all_cases();

}  // namespace velo::test

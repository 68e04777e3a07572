// Branches that no person named: those of a `velo run`, which go when its command ends, and the
// spares of a pool (branch_pool.h).
//
// Whom a branch of a run belongs to is not a record but a lock: whoever runs the command holds it
// from before the branch can be seen, and the kernel frees it with the process, whatever killed
// that. A branch whose lock is free is deleted for good by whoever finds it: its own runner, the
// caretaker (caretaker.h), or the next command that changes something.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/lock.h"
#include "catalog/records.h"
#include "engine/engine.h"

namespace velo::engine {

/// What a new branch's name and its records begin with: "run-1a2b3c4d", and the lock that says it
/// is in use.
struct Lease {
  std::string branch_id;
  std::string name;
  FileLock lock;
};
/// An id and a name that no branch has; `role` is the name's beginning.
Result<Lease> make_lease(Engine& engine, const std::string& role);
/// The same for a branch that is there.
Result<Lease> lease_of(Engine& engine, const std::string& branch_id, const std::string& role);

/// Whether the command that a run's branch serves, or rather its velo, lives.
bool is_leased(const Engine& engine, const std::string& branch_id);

/// Deletes a temporary branch, its server and its files, for good. One that is gone, or has another
/// role by now, is success. Errc::in_use when another command holds it for longer than `patience`.
Result<void> remove_temporary_branch(Engine& engine, const std::string& branch_id,
                                     const std::string& role, std::chrono::milliseconds patience);

/// Deletes the branches of dead runs. What cannot be deleted now is a warning. Part of mend().
Result<void> end_abandoned_runs(Engine& engine);

/// Errc::usage when the branch is temporary: nothing can be made of it that would outlive it.
Result<void> check_lasts(Engine& engine, const catalog::Project& project,
                         const catalog::Branch& branch);

/// Whether it is a pool's spare.
Result<bool> is_spare(Engine& engine, const std::string& branch_id);

/// The settings of an ephemeral branch: it may be lost or damaged when the machine goes down, and
/// waits for no disk.
const std::map<std::string, std::string>& ephemeral_settings();

}  // namespace velo::engine

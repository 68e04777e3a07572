// The journal's protocol: one durable plan, steps, one durable commit, a finish.
//
// Before the commit everything can be undone, after it everything will be finished; by this
// process, or by the next changing command when this one died. An operation holds a lock file for
// as long as its process lives, and its branches' locks.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/lock.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "engine/plan.h"

namespace velo::engine {

/// "branch create" for "branch.create".
std::string kind_in_words(const std::string& kind);

struct LockSet {
  std::vector<std::string> exclusive;  ///< ids of branches that change
  std::vector<std::string> shared;     ///< ids of branches that are read (a parent)
  bool operator==(const LockSet&) const = default;
};

/// Locks on branches, by id: exclusive for what changes, shared for what is read. Taken in the
/// order of the ids, so that no two commands can wait for each other in a circle.
class BranchLocks {
 public:
  static Result<BranchLocks> acquire(Engine& engine, const LockSet& set,
                                     std::chrono::milliseconds patience = std::chrono::minutes(10));

 private:
  std::vector<FileLock> held_;
};

/// What every changing command does first: undoes or finishes what dead processes left behind, and
/// removes kept volumes and, once an hour, moments of branches whose time is over. What cannot be
/// done now is a warning.
Result<void> mend(Engine& engine);
/// Only the interrupted operations.
Result<void> mend_operations(Engine& engine);

/// Whether its process lives. An unfinished one without is interrupted: the next change mends it.
bool is_running(const Engine& engine, const catalog::Operation& record);

/// Takes a changing command's locks: resolve → mend → lock → resolve again. `resolve` reads the
/// catalog and returns the plan's locks; it runs again once they are held, because what it saw may
/// have changed while waiting. Errc::in_use when an operation that could not be mended concerns one
/// of these branches.
Result<BranchLocks> lock_branches(Engine& engine, const std::function<Result<LockSet>()>& resolve);

/// A plan and the names, ports and volumes that it takes.
struct Draft {
  Plan plan;
  std::vector<catalog::Reservation> reservations;
};

class Operation {
 public:
  /// Writes the plan with its reservations in one durable transaction. `draft` makes them inside
  /// it, with other writers excluded: the place for "that name is taken" and for choosing what is
  /// free.
  static Result<Operation> begin(Engine& engine, std::string kind, std::string subject,
                                 const std::function<Result<Draft>()>& draft);

  Operation(Operation&&) noexcept;
  Operation& operator=(Operation&&) = delete;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;
  /// Undoes it when it was neither committed nor undone.
  ~Operation();

  /// Runs one step under its name, shows it and times it. `words` is what a person sees
  /// ("Clone volume"), `name` what fault points and the log call it ("clone"). Looks at the
  /// cancellation first.
  Result<void> step(std::string_view name, std::string_view words,
                    const std::function<Result<void>()>& work);

  /// Writes the plan anew, for what turned out only now: another home took the volume's name.
  Result<void> replan(const std::function<Result<Draft>()>& draft);

  /// The one durable commit: `changes` and the journal's record in one transaction. Afterwards the
  /// finish actions run; one that fails is a warning, and the next command tries again.
  Result<void> commit(const std::function<Result<void>()>& changes);

  /// Carries out the undo actions and records `why`. Returns `why` again, so that a use case can
  /// end with `return operation.undo(error)`.
  std::unexpected<Error> undo(Error why);

 private:
  Operation(Engine& engine, catalog::Operation record, Plan plan, FileLock lock);
  Result<void> carry_out_finish();

  Engine* engine_;
  catalog::Operation record_;
  Plan plan_;
  std::optional<FileLock> lock_;
  bool open_ = true;  ///< neither committed nor undone yet
};

/// Runs `work`; when it fails the operation is undone, and the error returned.
template <class Work>
auto or_undo(Operation& operation, Work work) -> decltype(work()) {
  auto result = work();
  if (!result) return operation.undo(std::move(result).error());
  return result;
}

}  // namespace velo::engine

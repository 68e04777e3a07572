// The use cases of branches. Every `name` is "project/branch".
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "engine/checkpoint_choice.h"
#include "engine/engine.h"
#include "engine/projects.h"
#include "engine/views.h"
#include "postgres/recovery.h"

namespace velo::engine {

struct CreateBranch {
  std::string name;
  std::string parent;    ///< "project/branch"; empty: the project's main
  std::string snapshot;  ///< of the parent's, as find_snapshot takes it; empty: as it is now
  /// As of which earlier moment; not together with `snapshot`.
  std::optional<postgres::RecoveryTarget> as_of = std::nullopt;
  /// How what a busy parent has in memory gets into the copy.
  WhenBusy when_busy = WhenBusy::automatic;
  int port = 0;                       ///< 0: the next free one
  std::string address = "127.0.0.1";  ///< where it listens, an IPv4 address
  bool start = true;
  bool archives = true;  ///< false: its WAL is not kept, and it has no earlier moments
  std::map<std::string, std::string> settings;
  /// Where no person named it (temporary.h): with the id that it will have and its role.
  std::optional<catalog::Temporary> temporary = std::nullopt;
};

struct CreatedBranch {
  BranchView branch;
  ConnectionView connection;
  std::optional<Basis> based_on = std::nullopt;
};

/// A branch with every transaction of its parent whose commit was acknowledged before the call.
Result<CreatedBranch> create_branch(Engine& engine, const CreateBranch& request);
/// Several, side by side as far as the machine bears it, all of one source (as the first says it)
/// and one moment. An answer for each, in their order: one that fails stands in no other's way. An
/// error where none could be begun.
Result<std::vector<Result<CreatedBranch>>> create_branches(Engine& engine,
                                                           std::vector<CreateBranch> requests);

enum class Sizing {
  remembered,
  measured,  ///< as far as that takes milliseconds (sizes.h)
};
enum class Spares { hidden, shown };  ///< of pools, which wait for whoever takes them
/// All branches, or those of one project (empty: all).
Result<std::vector<BranchView>> list_branches(Engine& engine, const std::string& project,
                                              Sizing sizing = Sizing::remembered,
                                              Spares spares = Spares::hidden);
/// Measures the sizes anew.
Result<BranchView> get_branch(Engine& engine, const std::string& name);

/// What delete_branch would delete; changes nothing. Refuses as delete_branch does.
Result<Deletion> preview_delete_branch(Engine& engine, const DeleteRequest& request);
/// Errc::has_children without `with_branches` names the children; where nothing is kept, also those
/// that were deleted before and are kept: without their parent they could not come back.
Result<Deletion> delete_branch(Engine& engine, const DeleteRequest& request);
/// Back to the parent's present state; port, password and children stay. A stopped branch stays so.
Result<CreatedBranch> reset_branch(Engine& engine, const std::string& name);
/// Back to a snapshot, of this branch or of another of its project; main too. Port, password and
/// children stay. What the branch held becomes a snapshot. A stopped branch stays so.
Result<CreatedBranch> restore_branch(Engine& engine, const std::string& name,
                                     const std::string& snapshot);
/// The same to an earlier moment of this branch.
Result<CreatedBranch> restore_branch_as_of(Engine& engine, const std::string& name,
                                           const postgres::RecoveryTarget& target);
/// Brings back what the last delete or reset took away (and keeps in turn what a reset had made).
/// Descendants that were deleted along with it come back with it.
Result<CreatedBranch> undelete_branch(Engine& engine, const std::string& name);

/// Each is success when the branch is already so.
Result<CreatedBranch> start_branch(Engine& engine, const std::string& name);
Result<BranchView> stop_branch(Engine& engine, const std::string& name);
Result<CreatedBranch> restart_branch(Engine& engine, const std::string& name);

/// The URL, derived anew each time. Works on a stopped branch.
Result<ConnectionView> connection_of(Engine& engine, const std::string& name);

/// Started branches of `velo up`, and those that did not start, with why.
struct UpReport {
  std::vector<std::string> started;
  std::vector<std::string> already_running;
  std::vector<std::pair<std::string, Error>> failed;
};
/// Starts every branch that should be running (it was when the machine went down) and is not.
Result<UpReport> start_all(Engine& engine);

/// The file that holds a branch's server log now (its logging collector's, when it has one).
Result<std::string> log_file_of(Engine& engine, const std::string& name);

}  // namespace velo::engine

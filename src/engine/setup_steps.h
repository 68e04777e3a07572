// The steps of `velo setup`, as a list made by one function.
//
// To add some (another kind of pool, a helper): a source with a function that returns them, its
// line in steps_of(), and for each new kind of deed a line in the table of setup_undo.cpp.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "engine/observer.h"
#include "engine/setup.h"
#include "engine/setup_checks.h"
#include "engine/setup_record.h"
#include "storage/registry.h"

namespace velo::engine {

/// Tells the record more about the deed at hand, before what depends on it is done.
using Note = std::function<Result<void>(const std::string& key, const std::string& value)>;

struct Step {
  std::string description;
  bool already_done = false;
  /// Recorded before `work` begins. Its undo therefore meets anything from nothing to all of it.
  Deed deed;
  std::function<Result<void>(const Note& note)> work;
  std::string new_groups_of;  ///< a user whose groups change
};

/// A pool that a driver found or can make, and what is to be there for users.
struct SharedPool {
  const storage::DriverInfo* driver = nullptr;
  std::filesystem::path place;
  storage::SharingPlan plan;
};

/// The pool to share: what the request names, or the only one that is usable. Empty where there is
/// none and nothing was named: then setup makes a pool in a file. Errc::usage lists several.
Result<std::optional<SharedPool>> find_shared_pool(const SetupRequest& request);

/// What the steps are made with; outlives them.
struct SetupWorld {
  const SetupRequest& request;
  const Found& found;                       ///< of the btrfs pool
  const std::optional<SharedPool>& shared;  ///< or the pool that is shared instead
  const SetupRecord& record;
  Observer& observer;
  const Cancellation& cancel;
};

/// Errc::already_exists for a file in the way that setup did not make.
Result<std::vector<Step>> steps_of(const SetupWorld& world);
/// The file-backed pool.
std::vector<Step> pool_steps(const SetupWorld& world);
/// The group, and who is in it and in those of the runtimes that are here.
std::vector<Step> people_steps(const SetupWorld& world);

/// What the driver does on a pool that is shared, and the files that it needs.
Result<std::vector<Step>> sharing_steps(const SetupWorld& world);

/// Who has volumes in pools that were there before, with the names of those: "alice (demo-main)".
Result<std::vector<std::string>> users_of_pools(const SetupRecord& record);

/// In words: "Unmount /var/lib/velo/pool".
std::string undo_in_words(const Deed& deed);
/// Takes one deed back where it is still as setup left it; says why where it is not. Success for
/// what was never done.
Result<std::string> undo(const Deed& deed, const Cancellation& cancel);

/// Takes one line, or a few that belong together, out of a file; `made_file`: the file goes with
/// its last one. Says why where they are no longer as they were.
Result<std::string> take_out(const std::filesystem::path& path, const std::string& added,
                             bool made_file);

/// Of a file's content, in hex: how undo knows that it is as setup made it.
Result<std::string> digest_of(const std::filesystem::path& file);

/// systemd reads fstab at boot and when told; without this it would complain at the next mount.
/// Whether it was told, or need not be.
bool reload_systemd(const std::filesystem::path& fstab, const Cancellation& cancel);
/// A tool of Debian's that only root needs, run to its end. Errc::failed with its words.
Result<void> run_tool(std::string_view name, std::string_view package,
                      const std::vector<std::string>& arguments, const Cancellation& cancel);

}  // namespace velo::engine

#include "engine/setup.h"

#include <unistd.h>

#include <algorithm>
#include <ranges>

#include "base/fault.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/os_user.h"
#include "base/text.h"
#include "base/time.h"
#include "engine/mounts.h"
#include "engine/setup_steps.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto lock_file = "/run/velo-setup.lock";

/// Two setups at once would format each other's file.
Result<std::optional<FileLock>> lock_setup(bool dry_run, const Cancellation& cancel) {
  if (dry_run || !running_as_root()) return std::nullopt;
  return TRY(FileLock::acquire(lock_file, LockMode::exclusive, 10min, cancel, {}));
}

Result<fs::path> clean_path(const fs::path& path) {
  if (!path.is_absolute()) return fail(Errc::usage, "{} is not an absolute path", path.string());
  std::error_code ignored;
  fs::path clean = fs::weakly_canonical(path, ignored);
  if (ignored) clean = path.lexically_normal();
  return clean.has_filename() ? clean : clean.parent_path();
}

/// The directories above `path` that are not there, the outermost first.
std::vector<fs::path> missing_above(const fs::path& path) {
  std::vector<fs::path> missing;
  for (fs::path above = path.parent_path(); !path_exists(above); above = above.parent_path()) {
    missing.insert(missing.begin(), above);
  }
  return missing;
}

/// Carries out the steps that are not done yet, each written down before it begins.
class Setup {
 public:
  Setup(SetupRecord& record, const SetupWorld& world) : record_(record), world_(world) {}

  Result<void> work(const std::vector<Step>& steps) {
    auto done = work_all(steps);
    if (!done) take_back();
    return done;
  }

 private:
  Result<void> work_all(const std::vector<Step>& steps) {
    TRY(make_directories());
    for (const Step& step : steps) {
      if (!step.already_done) {
        TRY(work_one(step));
      }
    }
    return {};
  }

  /// What is to be in directories that may not be there yet.
  std::vector<fs::path> all_paths() const {
    const SetupRequest& request = world_.request;
    if (!world_.shared) return {request.record, request.file, request.mount_point};
    std::vector<fs::path> paths{request.record};
    if (!request.create_pool.empty()) paths.push_back(request.create_pool);
    for (const storage::SharedFile& file : world_.shared->plan.files) paths.push_back(file.path);
    for (const fs::path& directory : world_.shared->plan.directories) {
      paths.push_back(directory / "x");
    }
    return paths;
  }

  /// 0711: root's VELO_HOME may be among them, and servers run as another user.
  Result<void> make_directories() {
    for (const fs::path& path : all_paths()) {
      const std::vector<fs::path> missing = missing_above(path);
      for (const fs::path& directory : missing) TRY(ensure_directory(directory, 0711));
      // Only now: the record may be in them itself.
      for (const fs::path& directory : missing) {
        TRY(write_down({.kind = "directory", .args = {{"directory", directory.string()}}}));
      }
    }
    return {};
  }

  Result<void> work_one(const Step& step) {
    TRY(world_.cancel.check());
    const Stopwatch watch;
    world_.observer.step_started(step.description);
    if (!step.deed.kind.empty()) TRY(write_down(step.deed));
    // One that takes nothing back with it has no kind: it opens a directory.
    const std::string_view point =
        step.deed.kind.empty() ? "open" : std::string_view(step.deed.kind);
    TRY(fault_point("setup", Boundary::step, point));
    TRY(step.work([&](const std::string& key, const std::string& value) {
      return record_.note(key, value);
    }));
    TRY(fault_point("setup", Boundary::step_done, point));
    world_.observer.step_finished(step.description, watch.elapsed());
    return {};
  }

  Result<void> write_down(Deed deed) {
    ++written_;
    return record_.add(std::move(deed));
  }

  /// What this run did, the latest first; what cannot be taken back now stays written down.
  void take_back() {
    const Cancellation never;
    std::vector<fs::path> directories;
    for (; written_ > 0; --written_) {
      const Deed deed = record_.deeds().back();
      if (deed.kind == "directory") directories.emplace_back(deed.arg("directory"));
      if (!undo(deed, never) || !record_.drop_latest()) return;
    }
    // The record itself may have been in the way.
    for (const fs::path& directory : directories) ::rmdir(directory.c_str());
  }

  SetupRecord& record_;
  const SetupWorld& world_;
  std::size_t written_ = 0;
};

/// As useradd(8) has it; nothing that a tool could take for an option.
Result<void> check_group_name(const std::string& name) {
  constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyz_";
  constexpr std::string_view rest = "abcdefghijklmnopqrstuvwxyz_0123456789-";
  constexpr std::size_t longest = 32;
  if (!name.empty() && name.size() <= longest && letters.find(name[0]) != std::string_view::npos &&
      name.find_first_not_of(rest) == std::string::npos) {
    return {};
  }
  return fail(Errc::usage, "'{}' cannot name a group", name);
}

/// Without the rights and the helper, users could neither use what they have there nor delete it.
Result<void> check_nobody_depends(const SetupRecord& record) {
  const auto users = TRY(users_of_pools(record));
  if (users.empty()) return {};
  return fail_with_hint(
      Errc::in_use,
      fmt::format("users still have volumes in what setup gave them: {}", join_words(users)),
      "have them delete those first: velo project delete PROJECT");
}

Result<void> check_people(const SetupRequest& request) {
  TRY(check_group_name(request.group));
  if (request.user.empty()) return {};
  TRY(find_user(request.user));
  return {};
}

}  // namespace

Result<std::vector<Step>> steps_of(const SetupWorld& world) {
  // The group comes first where rights are given to it.
  std::vector<Step> all = world.shared ? people_steps(world) : pool_steps(world);
  std::ranges::move(world.shared ? TRY(sharing_steps(world)) : people_steps(world),
                    std::back_inserter(all));
  return all;
}

Result<SetupReport> setup(const SetupRequest& given, Observer& observer,
                          const Cancellation& cancel) {
  SetupRequest request = given;
  request.file = TRY(clean_path(given.file));
  request.mount_point = TRY(clean_path(given.mount_point));
  request.record = TRY(clean_path(given.record));
  if (!given.create_pool.empty()) request.create_pool = TRY(clean_path(given.create_pool));
  TRY(check_people(request));
  const auto lock = TRY(lock_setup(request.dry_run, cancel));
  const std::optional<SharedPool> shared = TRY(find_shared_pool(request));
  Found found;
  if (shared) {
    TRY(check_is_root(request));
  } else {
    found = TRY(look_around(request));
    TRY(check_request(request, found));
  }
  // It is root's; without it a dry run says less of files that are in the way.
  SetupRecord record = TRY(SetupRecord::open(running_as_root() ? request.record : fs::path()));

  const SetupWorld world{.request = request,
                         .found = found,
                         .shared = shared,
                         .record = record,
                         .observer = observer,
                         .cancel = cancel};
  const std::vector<Step> steps = TRY(steps_of(world));
  SetupReport report;
  for (const Step& step : steps) {
    report.steps.push_back({.description = step.description, .already_done = step.already_done});
    if (!step.already_done && !step.new_groups_of.empty()) report.login_due = step.new_groups_of;
  }
  if (request.dry_run || std::ranges::all_of(steps, &Step::already_done)) return report;
  observer.begin(fmt::format("Setting up the pool {}",
                             shared ? shared->place.string() : request.mount_point.string()));
  TRY(Setup(record, world).work(steps));
  return report;
}

Result<std::vector<UndoStep>> undo_setup(const UndoRequest& request, Observer& observer,
                                         const Cancellation& cancel) {
  if (!request.dry_run && !running_as_root()) {
    return fail_with_hint(Errc::permission, "taking setup back needs root",
                          "sudo velo setup --undo");
  }
  const auto lock = TRY(lock_setup(request.dry_run, cancel));
  SetupRecord record = TRY(SetupRecord::open(TRY(clean_path(request.record))));
  std::vector<UndoStep> steps;
  if (request.dry_run) {
    for (const Deed& deed : record.deeds() | std::views::reverse) {
      steps.push_back({.description = undo_in_words(deed), .left = {}});
    }
    return steps;
  }
  const auto data = TRY(data_in_pools(request));
  if (!data.empty() && !request.with_data) {
    return fail_with_hint(
        Errc::in_use, fmt::format("the pool that setup made holds data: {}", fmt::join(data, ", ")),
        "delete its projects first (velo project delete), or destroy it with what it holds: velo "
        "setup --undo --force");
  }
  TRY(check_nobody_depends(record));
  observer.begin("Taking back what velo setup did");
  std::vector<fs::path> directories;
  while (!record.deeds().empty()) {
    TRY(cancel.check());
    const Deed deed = record.deeds().back();
    const std::string words = undo_in_words(deed);
    const Stopwatch watch;
    observer.step_started(words);
    steps.push_back({.description = words, .left = TRY(undo(deed, cancel))});
    if (deed.kind == "directory") directories.emplace_back(deed.arg("directory"));
    TRY(fault_point("setup", Boundary::undo, deed.kind));
    TRY(record.drop_latest());
    observer.step_finished(words, watch.elapsed());
  }
  // The record itself may have been in the way.
  for (const fs::path& directory : directories) ::rmdir(directory.c_str());
  return steps;
}

void ensure_direct_io(const fs::path& mount_point) {
  if (!running_as_root()) return;
  const auto all = mounts();
  if (!all) return;
  const auto mount = mounted_at(*all, mount_point);
  if (mount && mount->source.starts_with("/dev/loop")) set_direct_io(mount->source);
}

}  // namespace velo::engine

// The steps that let ordinary users use a pool that a driver finds by itself: what that driver does
// on it, and the files of root's that it needs.

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/crypto.h"
#include "base/files.h"
#include "base/os_user.h"
#include "base/our_programs.h"
#include "base/text.h"
#include "engine/setup_steps.h"

namespace velo::engine {
namespace {

/// The pool that is made where no name is given.
constexpr auto default_pool_name = "velo";

/// Usable, but for the rights that setup is to give.
bool could_be_shared(const storage::DriverInfo& driver, const fs::path& place) {
  const auto usable = driver.probe(place);
  return usable || (!running_as_root() && usable.error().code == Errc::permission);
}

/// The only pool of the driver that can be shared; empty where it has none at all.
Result<fs::path> only_pool(const storage::DriverInfo& driver) {
  std::vector<std::string> pools;
  const std::vector<fs::path> all = driver.find();
  for (const fs::path& place : all) {
    if (could_be_shared(driver, place)) pools.push_back(place.string());
  }
  if (pools.size() == 1) return pools.front();
  if (all.empty()) return fs::path();
  if (pools.empty()) {
    return fail_with_hint(
        Errc::storage,
        fmt::format("no pool can be set up: {}", storage::find_places(driver.name).refusals),
        "mend that; or make a btrfs pool in a file: sudo velo setup --size 20G");
  }
  return fail_with_hint(Errc::usage, fmt::format("there are several pools: {}", join_words(pools)),
                        fmt::format("choose one: sudo velo setup --pool {}", pools.front()));
}

Result<std::string> digest(std::string_view content) {
  return to_hex(TRY(sha256(content)));
}

bool is_roots_with_mode(const fs::path& path, mode_t mode) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == 0 &&
         status.st_gid == 0 && (status.st_mode & 07777U) == mode;
}

/// A file that differs is replaced only if it is as an earlier setup made it.
Result<void> check_replaceable(const SetupWorld& world, const fs::path& path) {
  const std::string found = TRY(digest_of(path));
  const bool ours = std::ranges::any_of(world.record.deeds(), [&](const Deed& deed) {
    return deed.kind == "file" && deed.arg("file") == path.string() && deed.arg("digest") == found;
  });
  if (ours) return {};
  return fail_with_hint(
      Errc::already_exists,
      fmt::format("{} exists and is not what setup would write; it was left alone", path.string()),
      "look at what it is, and move it away; then again");
}

Result<void> put_in_place(const SetupWorld& world, const storage::SharedFile& file,
                          const std::string& content) {
  const fs::path fresh = file.path.string() + ".new";  // sudo passes over names with a dot
  TRY(write_file_durably(fresh, content, file.mode));
  if (!file.check.empty()) {
    std::vector<std::string> arguments(file.check.begin() + 1, file.check.end());
    arguments.push_back(fresh.string());
    TRY(run_tool(file.check.front(), file.check_package, arguments, world.cancel));
  }
  if (::rename(fresh.c_str(), file.path.c_str()) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("put {} in place", file.path.string()));
  }
  return sync_directory(file.path.parent_path());
}

Result<Step> file_step(const SetupWorld& world, const storage::SharedFile& file) {
  const std::string content =
      file.program.empty() ? file.text : TRY(read_file(TRY(program_of_ours(file.program))));
  if (!file.check.empty()) TRY(find_tool(file.check.front(), file.check_package));
  bool same = false;
  if (path_exists(file.path)) {
    const auto found = read_file(file.path);
    same = found && *found == content;
    if (found && !same) TRY(check_replaceable(world, file.path));
  }
  return Step{
      .description = fmt::format("Install {}, which {}", file.path.string(), file.what_for),
      .already_done = same && is_roots_with_mode(file.path, file.mode),
      .deed = {.kind = "file",
               .args = {{"file", file.path.string()}, {"digest", TRY(digest(content))}}},
      .work = [&world, file, content](const Note&) { return put_in_place(world, file, content); },
      .new_groups_of = {}};
}

Result<void> add_line(const storage::SharedFile& file, const Note& note) {
  std::string text;
  if (path_exists(file.path)) {
    text = TRY(read_file(file.path));
  } else {
    TRY(note("made_file", "yes"));
  }
  const std::string added = (text.empty() || text.ends_with('\n') ? "" : "\n") + file.text;
  TRY(note("added", added));
  return write_file_durably(file.path, text + added, file.mode);
}

Step line_step(const storage::SharedFile& file) {
  const std::string text = read_file(file.path).value_or("");
  const std::string_view line = trim(file.text);
  const bool there = std::ranges::any_of(lines_of(text), [&](std::string_view one) {
    return trim(one.substr(0, one.find('#'))) == line;
  });
  return {.description =
              fmt::format("Write {} into {}, which {}", line, file.path.string(), file.what_for),
          .already_done = there && is_roots_with_mode(file.path, file.mode),
          .deed = {.kind = "line", .args = {{"file", file.path.string()}}},
          .work = [file, there](const Note& note) -> Result<void> {
            if (!there) return add_line(file, note);
            return write_file_durably(file.path, TRY(read_file(file.path)), file.mode);
          },
          .new_groups_of = {}};
}

Step act_step(const SharedPool& shared, const storage::Act& act) {
  Deed deed{.kind = "place", .args = act.args};
  deed.args["driver"] = std::string(shared.driver->name);
  return {.description = act.description,
          .already_done = act.already_done,
          .deed = std::move(deed),
          .work = [&shared, act](
                      const Note& note) { return shared.driver->sharing->perform(act.args, note); },
          .new_groups_of = {}};
}

}  // namespace

Result<std::string> digest_of(const fs::path& file) {
  return digest(TRY(read_file(file)));
}

Result<std::optional<SharedPool>> find_shared_pool(const SetupRequest& request) {
  const bool named = !request.pool.empty() || !request.create_pool.empty();
  if (!named && request.size != 0) return std::nullopt;  // of the btrfs pool
  if (request.create_pool.empty() && request.size != 0) {
    return fail_with_hint(Errc::usage, "--size is for a pool that is made, and --pool names one",
                          "leave one of them out; or make the pool: --create-pool FILE");
  }
  for (const storage::DriverInfo& driver : storage::drivers()) {
    if (driver.sharing == nullptr) continue;
    SharedPool shared{.driver = &driver, .place = request.pool, .plan = {}};
    if (!named) shared.place = TRY(only_pool(driver));
    if (request.pool.empty() && named) shared.place = default_pool_name;
    if (shared.place.empty()) continue;
    shared.plan = TRY(driver.sharing->plan({.place = shared.place,
                                            .group = request.group,
                                            .pool_file = request.create_pool,
                                            .pool_size = request.size,
                                            .sparse = request.sparse}));
    return shared;
  }
  return std::nullopt;
}

Result<std::vector<std::string>> users_of_pools(const SetupRecord& record) {
  std::vector<std::string> users;
  for (const storage::DriverInfo& driver : storage::drivers()) {
    std::vector<storage::ActArgs> acts;
    for (const Deed& deed : record.deeds()) {
      if (driver.name == deed.arg("driver")) acts.push_back(deed.args);
    }
    if (driver.sharing == nullptr || acts.empty()) continue;
    std::ranges::move(TRY(driver.sharing->users(acts)), std::back_inserter(users));
  }
  return users;
}

Result<std::vector<Step>> sharing_steps(const SetupWorld& world) {
  const SharedPool& shared = *world.shared;
  std::vector<Step> steps;
  for (const storage::Act& act : shared.plan.acts) steps.push_back(act_step(shared, act));
  for (const storage::SharedFile& file : shared.plan.files) {
    steps.push_back(file.is_line ? line_step(file) : TRY(file_step(world, file)));
  }
  return steps;
}

}  // namespace velo::engine

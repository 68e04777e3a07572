// The table of fault points. Only in the tests' velo-faults: the binary that people run has none of
// these names in it. Tests hold that each is passed, and that no other is (base/fault_on.cpp).
#include <array>
#include <initializer_list>
#include <string>

#include "base/fault.h"

namespace velo {
namespace {

using Names = std::initializer_list<std::string_view>;

/// An operation passes "planned", "commit" and "committed", each step before and after its work,
/// and each action of its undo or its finish afterwards.
struct Operation {
  std::string_view name;
  Names steps;
  Names undo;
  Names finish;
};

const std::array operations{
    Operation{"project.create",
              {"volume", "initdb", "start"},
              {"remove_volume", "forget_branch", "forget_project"},
              {"open_branch"}},
    Operation{"project.delete",
              {},
              {},
              {"stop_server", "remove_volume", "forget_branch", "forget_project"}},
    Operation{"project.undelete", {}, {}, {"start_branch"}},
    Operation{"branch.create",
              {"checkpoint", "clone", "prepare", "start"},
              {"remove_volume", "forget_branch"},
              {"open_branch"}},
    Operation{"branch.reset",
              {"checkpoint", "clone", "prepare", "stop", "start"},
              {"remove_volume", "start_branch"},
              {"open_branch", "remove_volume"}},
    Operation{"branch.restore",
              {"clone", "prepare", "stop", "start"},
              {"remove_volume", "start_branch"},
              {"open_branch"}},
    Operation{"branch.delete", {}, {}, {"stop_server", "remove_volume", "forget_branch"}},
    Operation{"branch.undelete", {"stop"}, {"start_branch"}, {"start_branch"}},
    Operation{"branch.start", {"start"}, {"stop_server"}, {"open_branch"}},
    Operation{"branch.stop", {}, {}, {"stop_server"}},
    Operation{"branch.restart", {"stop", "start"}, {"start_branch"}, {"open_branch"}},
    Operation{"snapshot.create", {"checkpoint", "clone", "prepare"}, {"remove_volume"}, {}},
    Operation{"snapshot.delete", {}, {}, {"remove_volume"}},
    Operation{"run.end", {}, {}, {"stop_server", "remove_volume", "forget_branch"}},
    Operation{"spare.end", {}, {}, {"stop_server", "remove_volume", "forget_branch"}},
    Operation{"state.import",
              {"aside", "volumes", "start"},
              {"bring_container_back", "forget_project", "forget_branch", "give_volume_back",
               "stop_server"},
              {"set_password", "open_branch"}},
    Operation{"state.give_back",
              {},
              {},
              {"stop_server", "bring_container_back", "forget_project", "forget_branch",
               "give_volume_back"}},
    Operation{"volume.reap", {}, {}, {"remove_volume", "forget_branch", "forget_project"}},
};

/// What the next command does for one that died.
const Operation mend{
    "mend",
    {},
    {"remove_volume", "forget_branch", "forget_project", "start_branch", "stop_server",
     "give_volume_back", "bring_container_back"},
    {"open_branch", "remove_volume", "forget_branch", "forget_project", "start_branch",
     "stop_server", "set_password", "give_volume_back", "bring_container_back"}};

/// `place`, `file` and `line` are of a pool that is shared.
const Operation setup{
    "setup",
    {"pool_file", "mount", "open", "fstab", "group", "member", "place", "file", "line"},
    {"pool_file", "mount", "fstab", "group", "member", "place", "file", "line", "directory"},
    {}};

struct Named {
  Fault point;
  std::string_view name;
};

constexpr std::array others{
    Named{Fault::volume_claimed, "volume/claimed"},
    Named{Fault::volume_marked, "volume/marked"},
    Named{Fault::volume_filled, "volume/filled"},
    Named{Fault::volume_emptied, "volume/emptied"},
    Named{Fault::volume_unmarked, "volume/unmarked"},
    Named{Fault::certificate_begun, "certificate/begun"},
    Named{Fault::server_started, "server/started"},
    Named{Fault::end_marked, "recovery/end_marked"},
    Named{Fault::replay_laid_out, "recovery/laid_out"},
    Named{Fault::replay_done, "recovery/replayed"},
    Named{Fault::catalog_made, "catalog/made"},
    Named{Fault::catalog_saved, "catalog/saved"},
    Named{Fault::catalog_migrated, "catalog/migrated"},
    Named{Fault::config_change, "config/change"},
    Named{Fault::config_changed, "config/changed"},
    Named{Fault::schedule_change, "schedule/change"},
    Named{Fault::schedule_changed, "schedule/changed"},
    Named{Fault::schedule_taken, "schedule/taken"},
    Named{Fault::schedule_thinned, "schedule/thinned"},
    Named{Fault::cleanup_removed, "snapshot.cleanup/removed"},
    Named{Fault::wal_cleanup_segment, "wal.cleanup/segment"},
    Named{Fault::wal_cleanup_removed, "wal.cleanup/removed"},
    Named{Fault::wal_push_begun, "wal.push/begun"},
    Named{Fault::wal_push_compressed, "wal.push/compressed"},
    Named{Fault::wal_push_synced, "wal.push/synced"},
    Named{Fault::wal_push_named, "wal.push/named"},
    Named{Fault::wal_fetch_ahead, "wal.fetch/ahead"},
    Named{Fault::backup_begin, "state.backup/begin"},
    Named{Fault::backup_made, "state.backup/made"},
    Named{Fault::backup_named, "state.backup/named"},
    Named{Fault::replace_begin, "state.replace/begin"},
    Named{Fault::replace_aside, "state.replace/aside"},
    Named{Fault::replace_decided, "state.replace/decided"},
    Named{Fault::replace_removed, "state.replace/removed"},
    Named{Fault::replace_cleared, "state.replace/cleared"},
    Named{Fault::candidate_made, "state.candidate/made"},
    Named{Fault::candidate_begin, "state.candidate/begin"},
    Named{Fault::candidate_adopt, "state.candidate/adopt"},
    Named{Fault::caretaker_look, "caretaker/look"},
    Named{Fault::take_commit, "branch.take/commit"},
    Named{Fault::take_committed, "branch.take/committed"},
};
static_assert(others.size() == static_cast<std::size_t>(Fault::count));

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  const auto add = [&](const Operation& one, std::string_view between, Names parts) {
    for (const auto part : parts) names.push_back(fmt::format("{}/{}{}", one.name, between, part));
  };
  const auto add_steps = [&](const Operation& one) {
    for (const auto step : one.steps) {
      names.push_back(fmt::format("{}/{}", one.name, step));
      names.push_back(fmt::format("{}/{}/done", one.name, step));
    }
  };
  for (const Operation& one : operations) {
    add(one, "", {"planned"});
    add_steps(one);
    add(one, "", {"commit", "committed"});
    add(one, "finish/", one.finish);
    add(one, "undo/", one.undo);
  }
  add(mend, "undo/", mend.undo);
  add(mend, "finish/", mend.finish);
  add_steps(setup);
  add(setup, "undo/", setup.undo);
  for (const Named& one : others) names.emplace_back(one.name);
  return names;
}

}  // namespace

std::span<const std::string> fault_points() {
  static const std::vector<std::string> names = all_names();
  return names;
}

std::string_view name_of(Fault point) {
  const auto found = std::ranges::find(others, point, &Named::point);
  return found == others.end() ? "" : found->name;
}

}  // namespace velo

// Projects, snapshots, archives and settings.
#include <SQLiteCpp/SQLiteCpp.h>

#include "base/time.h"
#include "cases.h"

namespace velo::test {
namespace {

bool other_is_there(World& world) {
  if (!world.has_project("other")) return false;
  EXPECT_EQ(world.velo().value("other/main", "SELECT 1"), "1");
  return true;
}

/// Whether it is there; expects it to be kept if it is not.
bool other_is_there_or_kept(World& world) {
  const bool there = other_is_there(world);
  EXPECT_EQ(world.keeps("other/main"), !there);
  return there;
}

void make_other(World& world) {
  if (!world.has_project("other")) world.velo().create_project("other");
}

/// Deleted, and kept.
void bury_other(World& world) {
  world.velo().ok("config set grace 24h");
  if (world.keeps("other/main")) return;
  make_other(world);
  world.velo().ok("project delete other");
}

std::vector<std::string> scheduled(World& world) {
  std::vector<std::string> ids;
  const Json snapshots = world.velo().json("snapshot list demo/dev");
  for (std::size_t i = 0; i < snapshots.size("/snapshots"); ++i) {
    const std::string one = "/snapshots/" + std::to_string(i);
    if (snapshots.text(one + "/purpose") == "schedule") ids.push_back(snapshots.text(one + "/id"));
  }
  return ids;
}

/// Makes a snapshot so old that its schedule has no place for it.
void age(World& world, const std::string& id) {
  const SQLite::Database state((world.velo().home() / "private/state.db").string(),
                               SQLite::OPEN_READWRITE);
  SQLite::Statement change(state, "UPDATE snapshot SET taken_at = ? WHERE incarnation_id = ?");
  change.bind(1, to_rfc3339(now() - std::chrono::days(40)));
  change.bind(2, id);
  EXPECT_EQ(change.exec(), 1);
}

std::int64_t segments(World& world) {
  return world.velo().json("wal info demo/dev").number("/wal/0/segments");
}

}  // namespace

const Case project_create{
    .name = "ProjectCreate",
    .command = [](World& world) { return world.velo().project_words("other"); },
    .happened = other_is_there,
    .restore =
        [](World& world) {
          if (world.has_project("other")) world.velo().ok("project delete other --force");
        },
};

const Case project_delete{
    .name = "ProjectDelete",
    .command = [](World&) { return words("project delete other"); },
    .happened = [](World& world) { return !other_is_there(world); },
    .restore = make_other,
    .undoes = false,  // it begins with its commit
};

const Case project_bury{
    .name = "ProjectBury",
    .command = [](World&) { return words("project delete other"); },
    .happened = [](World& world) { return !other_is_there_or_kept(world); },
    .restore =
        [](World& world) {
          world.velo().ok("config set grace 24h");
          if (world.keeps("other/main")) world.velo().ok("project undelete other");
          make_other(world);
        },
    .undoes = false,
};

const Case project_undelete{
    .name = "ProjectUndelete",
    .command = [](World&) { return words("project undelete other"); },
    .happened = other_is_there_or_kept,
    .restore = bury_other,
    .undoes = false,
};

const Case snapshot_create{
    .name = "SnapshotCreate",
    .command = [](World&) { return words("snapshot create demo/dev --label kept"); },
    .happened = [](World& world) { return world.has_snapshot("demo/dev@kept"); },
    .restore =
        [](World& world) {
          if (world.has_snapshot("demo/dev@kept")) world.velo().ok("snapshot delete demo/dev@kept");
        },
};

const Case snapshot_delete{
    .name = "SnapshotDelete",
    .command = [](World&) { return words("snapshot delete demo/dev@kept"); },
    .happened = [](World& world) { return !world.has_snapshot("demo/dev@kept"); },
    .restore =
        [](World& world) {
          if (!world.has_snapshot("demo/dev@kept")) {
            world.velo().ok("snapshot create demo/dev --label kept");
          }
        },
    .undoes = false,
};

/// One by one: what went is gone as a whole, and it has happened when all are.
const Case snapshot_cleanup{
    .name = "SnapshotCleanup",
    .command = [](World&) { return words("snapshot cleanup demo/dev --days 0 --keep-last 0"); },
    .happened =
        [](World& world) {
          return !world.has_snapshot("demo/dev@one") && !world.has_snapshot("demo/dev@two");
        },
    .restore =
        [](World& world) {
          for (const std::string label : {"one", "two"}) {
            if (world.has_snapshot("demo/dev@" + label)) continue;
            world.velo().ok("snapshot create demo/dev --label " + label);
          }
        },
    .undoes = false,
};

const Case schedule_set{
    .name = "ScheduleSet",
    .command = [](World&) { return words("snapshot schedule demo/dev --every 1d"); },
    .happened =
        [](World& world) { return world.velo().json("snapshot schedule").size("/schedules") == 1; },
    .restore =
        [](World& world) {
          if (world.velo().json("snapshot schedule").size("/schedules") == 0) return;
          world.velo().ok("snapshot schedule demo/dev --off");
        },
    .undoes = false,
    .has_plan = false,
};

/// One is due and one is too old.
const Case schedule_run{
    .name = "ScheduleRun",
    .command = [](World&) { return words("snapshot run-schedule"); },
    .happened =
        [](World& world) {
          const auto ids = scheduled(world);
          return ids.size() == 1 && ids.front() != world.notes["old"];
        },
    .restore =
        [](World& world) {
          world.velo().ok("snapshot schedule demo/dev --every 1d");
          auto ids = scheduled(world);
          if (ids.empty()) {
            world.velo().ok("snapshot run-schedule");
            ids = scheduled(world);
          }
          if (ids.empty()) return;
          world.notes["old"] = ids.front();
          for (const std::string& id : ids) {
            if (id == ids.front()) {
              age(world, id);
            } else {
              world.velo().ok("snapshot delete " + id);
            }
          }
        },
};

/// Segment by segment, and it has happened when all are gone.
const Case wal_cleanup{
    .name = "WalCleanup",
    .command = [](World&) { return words("wal cleanup demo/dev --days 0 --force"); },
    .happened = [](World& world) { return segments(world) == 0; },
    .restore =
        [](World& world) {
          while (segments(world) < 2 && !testing::Test::HasFailure()) {
            world.archive_wal("demo/dev");
          }
        },
    .undoes = false,
    .has_plan = false,
};

const Case config_set{
    .name = "ConfigSet",
    .command = [](World&) { return words("config set grace 0"); },
    .happened =
        [](World& world) {
          const bool done = world.velo().json("config get grace").text("/config/value") == "0";
          EXPECT_EQ(world.keeps("other/main"), !done);
          return done;
        },
    .restore = bury_other,
    .undoes = false,
};

std::vector<Case> all_cases() {
  return {project_create,  project_delete,  project_bury,        project_undelete,
          branch_create,   branch_reset,    branch_create_as_of, branch_create_at,
          branch_restore,  branch_delete,   branch_bury,         branch_undelete,
          branch_unreset,  branch_start,    branch_stop,         branch_restart,
          snapshot_create, snapshot_delete, snapshot_cleanup,    schedule_set,
          schedule_run,    wal_cleanup,     config_set,          branch_create_promoted};
}

}  // namespace velo::test

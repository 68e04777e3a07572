#include "cases.h"

namespace velo::test {
namespace {

/// Expects demo/dev and demo/child both to be there, or neither; whether they are.
bool family_is_there(World& world) {
  const bool there = world.has_branch("demo/dev");
  EXPECT_EQ(world.has_branch("demo/child"), there) << "half of the family";
  if (there) {
    EXPECT_EQ(world.velo().value("demo/dev", "SELECT x FROM t"), "2");
  }
  return there;
}

/// A branch that is demo/main of before its last change.
bool past_is_there(World& world) {
  if (!world.has_branch("demo/past")) return false;
  EXPECT_EQ(world.velo().value("demo/past", "SELECT count(*) FROM rows"), "1000");
  EXPECT_EQ(world.velo().value("demo/past", "SELECT x FROM t"), "1");
  return true;
}

void remove_past(World& world) {
  if (world.has_branch("demo/past")) world.velo().ok("branch delete demo/past");
  if (!world.notes["lsn"].empty()) return;
  Sql sql = world.velo().sql("demo/main");
  world.notes["lsn"] = sql.value("SELECT pg_current_wal_insert_lsn()");
  sql.execute("UPDATE t SET x = x");
  world.archive_wal("demo/main");
}

void remove_replaced(World& world) {
  const Json snapshots = world.velo().json("snapshot list demo/dev");
  for (std::size_t i = 0; i < snapshots.size("/snapshots"); ++i) {
    const std::string one = "/snapshots/" + std::to_string(i);
    if (snapshots.text(one + "/purpose") != "replaced") continue;
    world.velo().ok("snapshot delete " + snapshots.text(one + "/id"));
  }
}

bool new_is_there(World& world) {
  if (!world.has_branch("demo/new")) return false;
  EXPECT_EQ(world.velo().value("demo/new", "SELECT x FROM t"), "2");
  return true;
}

void remove_new(World& world) {
  if (world.has_branch("demo/new")) world.velo().ok("branch delete demo/new");
}

bool expect_runs(World& world) {
  EXPECT_EQ(world.velo().value("demo/dev", "SELECT x FROM t"), "2");
  return true;
}

}  // namespace

const Case branch_create{
    .name = "BranchCreate",
    .command = [](World&) { return words("branch create demo/new --parent demo/dev"); },
    .happened = new_is_there,
    .restore = remove_new,
};

const Case branch_create_promoted{
    .name = "BranchCreatePromoted",
    .command =
        [](World& world) {
          const std::string driver = world.velo().where().driver;
          if (driver != "btrfs" && driver != "zfs") {
            return words("branch create demo/new --parent demo/dev");
          }
          world.velo()
              .sql("demo/dev")
              .execute("SELECT pg_logical_emit_message(true, 'test', repeat('x', 3 << 20))");
          return words("branch create demo/new --parent demo/dev --when-busy replay");
        },
    .happened = new_is_there,
    .restore = remove_new,
};

const Case branch_create_as_of{
    .name = "BranchCreateAsOf",
    .command = [](World&) { return words("branch create demo/past --pitr now"); },
    .happened = past_is_there,
    .restore = remove_past,
};

const Case branch_create_at{
    .name = "BranchCreateAt",
    .command =
        [](World& world) {
          return words("branch create demo/past --lsn " + world.notes.at("lsn"));
        },
    .happened = past_is_there,
    .restore = remove_past,
};

const Case branch_reset{
    .name = "BranchReset",
    .command = [](World&) { return words("branch reset demo/dev --force"); },
    .happened =
        [](World& world) {
          EXPECT_EQ(world.velo().state("demo/dev"), "running");
          const std::string x = world.velo().value("demo/dev", "SELECT x FROM t");
          EXPECT_TRUE(x == "1" || x == "2") << x;
          return x == "1";
        },
    .restore = [](World& world) { world.velo().sql("demo/dev").execute("UPDATE t SET x = 2"); },
};

const Case branch_restore{
    .name = "BranchRestore",
    .command = [](World&) { return words("branch restore demo/dev --snapshot before --force"); },
    .happened =
        [](World& world) {
          EXPECT_EQ(world.velo().state("demo/dev"), "running");
          const std::string x = world.velo().value("demo/dev", "SELECT x FROM t");
          EXPECT_TRUE(x == "7" || x == "2") << x;
          return x == "2";
        },
    .restore =
        [](World& world) {
          if (!world.has_snapshot("demo/dev@before")) {
            world.velo().ok("snapshot create demo/dev --label before");
          }
          remove_replaced(world);
          world.velo().sql("demo/dev").execute("UPDATE t SET x = 7");
        },
};

const Case branch_delete{
    .name = "BranchDelete",
    .command = [](World&) { return words("branch delete demo/dev --force"); },
    .happened = [](World& world) { return !family_is_there(world); },
    .restore = [](World& world) { world.make_family(); },
    .undoes = false,  // it begins with its commit
};

const Case branch_bury{
    .name = "BranchBury",
    .command = [](World&) { return words("branch delete demo/dev --force"); },
    .happened =
        [](World& world) {
          const bool there = family_is_there(world);
          EXPECT_EQ(world.keeps("demo/dev"), !there);
          return !there;
        },
    .restore =
        [](World& world) {
          world.velo().ok("config set grace 24h");
          if (!world.has_branch("demo/dev")) world.velo().ok("branch undelete demo/dev");
        },
    .undoes = false,
};

const Case branch_undelete{
    .name = "BranchUndelete",
    .command = [](World&) { return words("branch undelete demo/dev"); },
    .happened =
        [](World& world) {
          const bool there = family_is_there(world);
          EXPECT_EQ(world.keeps("demo/dev"), !there);
          return there;
        },
    .restore =
        [](World& world) {
          world.velo().ok("config set grace 24h");
          if (world.has_branch("demo/dev")) world.velo().ok("branch delete demo/dev --force");
        },
    .undoes = false,
};

const Case branch_unreset{
    .name = "BranchUnreset",
    .command = [](World&) { return words("branch undelete demo/dev"); },
    .happened =
        [](World& world) {
          EXPECT_EQ(world.velo().state("demo/dev"), "running");
          EXPECT_TRUE(world.keeps("demo/dev")) << "the other of its two lives";
          const std::string x = world.velo().value("demo/dev", "SELECT x FROM t");
          EXPECT_TRUE(x == "1" || x == "2") << x;
          return x == "2";
        },
    .restore =
        [](World& world) {
          world.velo().ok("config set grace 24h");
          if (!world.keeps("demo/dev")) {
            world.velo().ok("branch reset demo/dev --force");
          } else if (world.velo().value("demo/dev", "SELECT x FROM t") == "2") {
            world.velo().ok("branch undelete demo/dev");
          }
        },
};

const Case branch_start{
    .name = "BranchStart",
    .command = [](World&) { return words("branch start demo/dev"); },
    .happened =
        [](World& world) {
          return world.velo().state("demo/dev") != "stopped" && expect_runs(world);
        },
    .restore = [](World& world) { world.velo().ok("branch stop demo/dev"); },
};

const Case branch_stop{
    .name = "BranchStop",
    .command = [](World&) { return words("branch stop demo/dev"); },
    .happened =
        [](World& world) {
          return world.velo().state("demo/dev") == "stopped" || !expect_runs(world);
        },
    .restore = [](World& world) { world.velo().ok("branch start demo/dev"); },
    .undoes = false,
};

/// Undone or finished it runs.
const Case branch_restart{
    .name = "BranchRestart",
    .command = [](World&) { return words("branch restart demo/dev"); },
    .happened = expect_runs,
    .restore = [](World&) {},
    .looks_alike = true,
};

}  // namespace velo::test

// Pools in trouble: what is said, with which exit code, and that nothing is lost by it. Each test
// has a pool of its own, which is well again at the end.
#include <unistd.h>

#include <memory>
#include <thread>

#include "base/text.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_place.h"
#include "support/doctor.h"
#include "zpool.h"

namespace velo::test {
namespace {

class ZfsTrouble : public E2eTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "making pools needs root";
    set_up({.driver = "zfs"});
  }

  /// A project on the pool whose main has one row.
  void make_project(const FilePool& pool) const {
    velo->ok("project create demo --pool " + pool.name());
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }

  /// The command fails so, with these words in its message or hint; nothing was made.
  void expect_refused(const std::string& command, const std::string& code, int exit_code,
                      const std::vector<std::string>& texts) const {
    const Ran refused = velo->run(command + " --json");
    EXPECT_EQ(refused.exit_status, exit_code) << refused.all();
    const Json error = Json::parse(refused.out);
    EXPECT_EQ(error.text("/error/code"), code) << refused.all();
    for (const std::string& text : texts) {
      EXPECT_NE(refused.out.find(text), std::string::npos) << text << "\n" << refused.all();
    }
  }

  void expect_main_is_whole() const {
    velo->ok("branch start demo/main");
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  }

  /// The only line with this code about the pool.
  static Line only_line(const Examination& found, const std::string& code, const FilePool& pool) {
    std::vector<Line> lines;
    for (const Line& line : found.lines) {
      if (line.code == code && line.subject == pool.name()) lines.push_back(line);
    }
    EXPECT_EQ(lines.size(), 1U) << code << "\n" << found.ran.all();
    return lines.empty() ? Line{} : lines.front();
  }
  static void expect_text(const std::string& text, const std::string& part) {
    EXPECT_NE(text.find(part), std::string::npos) << part << " is not in\n" << text;
  }

  /// What doctor says while the pool does not answer: nothing is lost, and what to do about it.
  void expect_away(const FilePool& pool, const std::string& why, const std::string& remedy) const {
    const Examination found = doctor(*velo, {"--fix"});
    EXPECT_EQ(found.ran.exit_status, 1);
    EXPECT_EQ(found.line("branch.away").level, "error");
    expect_text(found.line("branch.away").text, why);
    expect_text(found.line("branch.away").hint, pool.name());
    expect_text(only_line(found, "state.away", pool).text, why);
    expect_text(only_line(found, "storage.pool", pool).hint, remedy);
    expect_nothing_called_lost(found);
    EXPECT_EQ(found.ran.out.find("fstab"), std::string::npos) << found.ran.out;
    EXPECT_FALSE(found.has("branch.mark"));
    EXPECT_TRUE(found.repaired.empty()) << found.ran.all();
    const Json main = velo->json("branch get demo/main");
    EXPECT_EQ(main.text("/branch/state"), "missing");
    expect_text(main.text("/branch/remark"), why);
  }

  static std::string volumes_of(const FilePool& pool) {
    return run_zfs({"list", "-H", "-r", "-d", "1", "-o", "name", pool.name() + "/velo/databases"});
  }
};

TEST_F(ZfsTrouble, AFullPoolOrQuotaIsToldBeforeAnythingIsMade) {
  const FilePool pool;
  make_project(pool);
  velo->ok("branch create demo/dev");  // from now on the pool's size is known
  const std::string base = pool.name() + "/velo/databases";
  const std::string before = volumes_of(pool);
  const std::int64_t used = std::stoll(run_zfs({"get", "-H", "-p", "-o", "value", "used", base}));
  run_zfs({"set", "quota=" + std::to_string(used * 100 / 85), base});
  const Line fills = only_line(doctor(*velo), "storage.space", pool);
  EXPECT_EQ(fills.level, "warning") << fills.text;
  expect_text(fills.text, "% used");
  velo->ok("config set guard 30%");
  run_zfs({"set", "quota=" + std::to_string(used + (2 << 20)), base});
  expect_refused("branch create demo/new", "no_space", 1,
                 {"the pool " + pool.name() + " has", "velo config set guard"});
  expect_refused("branch reset demo/dev --force", "no_space", 1, {pool.name()});
  EXPECT_EQ(velo->run("doctor").exit_status, 1);
  EXPECT_EQ(volumes_of(pool), before);

  // Without the guard the server is the first to find no room; the branch is taken back.
  velo->ok("config set guard 0");
  const Ran tried = velo->run("branch create demo/new");
  if (tried.exit_status == 0) {
    velo->ok("branch delete demo/new");
    velo->ok("config set grace 0");
    velo->ok("branch create demo/other --no-start");
    velo->ok("branch delete demo/other");
  } else {
    EXPECT_EQ(tried.exit_status, 1) << tried.all();
    EXPECT_EQ(volumes_of(pool), before);
  }
  run_zfs({"set", "quota=none", base});
  velo->ok("branch restart demo/main");
  expect_main_is_whole();
  velo->ok("branch create demo/last");
  EXPECT_EQ(velo->value("demo/last", "SELECT x FROM t"), "1");
}

TEST_F(ZfsTrouble, WhatIsImportedReadOnlyIsReadAndNothingIsMadeOnIt) {
  FilePool pool;
  make_project(pool);
  velo->ok("branch create demo/dev --no-start");
  velo->ok("branch stop demo/main");
  ASSERT_TRUE(pool.try_export());
  pool.import({"-o", "readonly=on"});
  const std::vector<std::string> words{"the pool " + pool.name() + " is read-only",
                                       "zpool import " + pool.name()};
  expect_refused("branch create demo/new", "permission", 1, words);
  expect_refused("branch reset demo/dev --force", "permission", 1, words);
  expect_refused("project create other --pool " + pool.name(), "permission", 1, words);
  expect_refused("branch start demo/main", "permission", 1, {"Read-only"});
  EXPECT_EQ(velo->json("status").text("/pools/0/health"), "READ-ONLY");
  const Line told = only_line(doctor(*velo), "storage.pool", pool);
  EXPECT_EQ(told.level, "error");
  expect_text(told.hint, "zpool import " + pool.name());
  ASSERT_TRUE(pool.try_export());
  pool.import();
  expect_main_is_whole();
  velo->ok("branch create demo/new");
}

TEST_F(ZfsTrouble, OfASuspendedPoolItIsSaidAndNothingHangs) {
  SmallMemory memory;
  FilePool pool(memory.path());
  velo->ok("config set guard 0");
  make_project(pool);
  velo->ok("snapshot create demo/main");
  velo->ok("branch stop demo/main");
  // What cannot be written any more suspends it; whoever writes waits meanwhile.
  std::jthread writer([&] { pool.fill_up_to(0); });
  const auto mend = [&](const int*) {
    memory.enlarge();
    pool.clear();
  };
  const int here = 0;
  std::unique_ptr<const int, decltype(mend)> mended(&here,
                                                    mend);  // before the writer is waited for
  ASSERT_TRUE(wait_until([&] { return pool.state() == "SUSPENDED"; }, std::chrono::minutes(3)));
  const std::vector<std::string> words{"the pool " + pool.name() + " is SUSPENDED",
                                       "zpool status " + pool.name()};
  for (const char* command : {"branch create demo/dev", "branch start demo/main"}) {
    expect_refused(command, "storage", 1, words);
  }
  expect_refused("project create other --pool " + pool.name(), "storage", 1, words);
  EXPECT_EQ(velo->json("status").text("/pools/0/health"), "SUSPENDED");
  expect_away(pool, "is SUSPENDED", "zpool clear " + pool.name());

  mended.reset();
  writer.join();
  pool.empty();
  expect_main_is_whole();
  velo->ok("branch create demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(ZfsTrouble, APoolThatGoesAfterACrashTakesNothingAlong) {
  FilePool pool;
  make_project(pool);
  velo->ok("branch create demo/dev");
  velo->ok("snapshot create demo/main");
  EXPECT_FALSE(pool.try_export()) << "servers work in it";
  EXPECT_FALSE(pool.try_export({"-f"})) << "by force as well";
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  velo->kill_server("demo/main");
  velo->kill_server("demo/dev");
  ASSERT_TRUE(wait_until([&] { return pool.try_export(); }));
  const std::vector<std::string> words{"there is no ZFS pool " + pool.name()};
  expect_refused("branch start demo/dev", "storage", 1, words);
  expect_refused("branch create demo/new", "storage", 1, words);
  const Ran up = velo->run("up");
  EXPECT_NE(up.exit_status, 0) << up.all();
  expect_away(pool, words.front(), "zpool import " + pool.name());
  // Deleting for good believes nothing gone that comes back with its pool.
  velo->ok("config set grace 0");
  expect_refused("branch delete demo/dev", "storage", 1, words);
  pool.import();

  // It is there again, and as after a reboot nothing is mounted.
  run_zfs({"unmount", storage::zfs::dataset_of(pool.name(), "demo-main")});
  const Examination back = doctor(*velo);
  expect_text(back.line("branch.server_down").text, "its volume demo-main is not mounted");
  expect_text(back.line("branch.server_down").hint, "velo branch start demo/main mounts it");
  expect_nothing_called_lost(back);
  EXPECT_EQ(velo->state("demo/main"), "down");
  velo->ok("up");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  velo->ok("branch create demo/new");
  EXPECT_EQ(velo->value("demo/new", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "2");
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(volumes_of(pool).find("demo-dev\n"), std::string::npos) << volumes_of(pool);
}

TEST_F(ZfsTrouble, ADeviceThatFailedIsToldOnce) {
  FilePool pool;
  pool.degrade();
  const Examination found = doctor(*velo);
  const Line told = only_line(found, "storage.pool", pool);
  EXPECT_EQ(told.level, "warning");
  expect_text(told.text, "degraded");
  expect_text(told.hint, "zpool status " + pool.name());
  std::size_t times = 0;
  for (const Line& line : found.lines) times += line.text.find("degraded") != std::string::npos;
  EXPECT_EQ(times, 1U) << found.ran.all();
  expect_text(found.ran.out, "zfs can serve " + pool.name());
}

TEST_F(ZfsTrouble, WhatVeloDidNotMakeIsToldAndLeftAlone) {
  const std::string place = velo->place().path().string();
  run_zfs({"create", "-u", "-p", place + "/velo/databases"});
  run_zfs({"create", "-u", place + "/velo/databases/precious"});
  expect_refused("project create demo --pool " + place, "already_exists", 4,
                 {"was not made by Velo", "zfs create " + place + "/team"});
  run_zfs({"create", "-u", place + "/team"});
  velo->ok("project create demo --pool " + place + "/team");
  EXPECT_EQ(run_zfs({"list", "-H", "-o", "name", place + "/velo/databases/precious"}),
            place + "/velo/databases/precious\n");

  // And what it made and has no record of, on a pool without any project.
  const FilePool other;
  ASSERT_TRUE(storage::zfs::prepare_place(other.name()));
  const std::string mark = run_zfs({"get", "-H", "-o", "value", "velo:mark",
                                    storage::zfs::dataset_of(place + "/team", "demo-main")});
  const std::string known = Json::parse(mark).text("/incarnation_id");
  const std::string lost = storage::zfs::dataset_of(other.name(), "lost");
  run_zfs({"create", "-u", "-o",
           "velo:mark=" + std::string(trim(mark)).replace(mark.find(known), known.size(), "feed"),
           lost});
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("orphan.volume").level, "warning");
  expect_text(found.line("orphan.volume").text, "the volume lost in " + other.name());
  EXPECT_EQ(run_zfs({"list", "-H", "-o", "name", lost}), lost + "\n");
  velo->ok("config set grace 0");
  velo->ok("project delete demo --force");
}

}  // namespace
}  // namespace velo::test

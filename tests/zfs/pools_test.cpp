// Whole commands and ZFS pools: which one is taken, and what happens when it is full or away.
#include <unistd.h>

#include "support/doctor.h"
#include "zpool.h"

namespace velo::test {
namespace {

class ZfsPools : public E2eTest {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "making pools needs root";
    set_up({.driver = "zfs"});
  }
};

TEST_F(ZfsPools, OneIsFoundAndOfSeveralOneMustBeNamed) {
  // Doctor names the place that create takes.
  const std::string place = zfs_place()->string();
  const std::string only = place.substr(0, place.find('/'));
  const auto usual = [&](const std::string& pool) {
    return doctor(*velo).ran.out.find("zfs can serve " + pool + ": new projects") !=
           std::string::npos;
  };
  EXPECT_TRUE(usual(only)) << only;
  const FilePool pool;
  const Line undecided = doctor(*velo).line("storage.place");
  EXPECT_NE(undecided.text.find("several pools"), std::string::npos) << undecided.text;
  EXPECT_NE(undecided.hint.find("velo config set pool"), std::string::npos) << undecided.hint;
  EXPECT_FALSE(usual(only) || usual(pool.name()));
  const Ran several = velo->fails(2, "project create demo");
  EXPECT_NE(several.err.find("several pools"), std::string::npos) << several.all();
  EXPECT_NE(several.err.find(pool.name()), std::string::npos) << several.all();
  EXPECT_NE(several.err.find("--pool "), std::string::npos) << several.all();
  const Ran wrong = velo->fails(1, "project create demo --pool nosuchpool --storage zfs");
  EXPECT_NE(wrong.err.find("there is no ZFS pool nosuchpool"), std::string::npos) << wrong.all();
  velo->fails(2, "project create demo --storage btrfs --pool " + pool.name());
  velo->fails(2, "project create demo --storage zfs --pool /var/tmp");
  velo->fails(2, "config set pool nosuchpool");
  velo->ok("config set pool " + pool.name());
  EXPECT_TRUE(usual(pool.name()));

  velo->ok("project create demo");
  const Json project = velo->json("project get demo");
  EXPECT_EQ(project.text("/project/driver"), "zfs");
  EXPECT_EQ(project.text("/project/pool"), pool.name());
  EXPECT_EQ(velo->data_directory("demo/main"), pool.volumes() / "demo-main/pgdata");
  const Json status = velo->json("status");
  EXPECT_EQ(status.text("/pools/0/place"), pool.name());
  EXPECT_EQ(status.text("/pools/0/health"), "ONLINE");
  EXPECT_GT(status.number("/pools/0/free_bytes"), 0);
  EXPECT_GT(status.number("/projects/0/branches/0/sizes/referenced_bytes"), 1 << 20)
      << velo->ok("status --json").out;
}

TEST_F(ZfsPools, FullOrExportedItIsSaidAndNothingIsLost) {
  FilePool pool;
  velo->ok("project create demo --pool " + pool.name());
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("config set guard 30%");
  pool.fill_up_to(100U << 20U);
  const Ran full = velo->run("branch create demo/dev --json");
  EXPECT_EQ(Json::parse(full.out).text("/error/code"), "no_space") << full.all();
  pool.empty();
  velo->ok("branch create demo/dev");

  EXPECT_FALSE(pool.try_export()) << "servers work in it";
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
  velo->ok("branch stop demo/dev");
  velo->ok("branch stop demo/main");
  ASSERT_TRUE(pool.try_export());
  EXPECT_EQ(velo->state("demo/main"), "missing");
  EXPECT_NE(velo->ok("status").out.find("MISSING"), std::string::npos);
  for (const char* command :
       {"branch start demo/main", "branch create demo/new", "branch reset demo/dev --force"}) {
    const Ran refused = velo->run(command);
    EXPECT_NE(refused.exit_status, 0) << refused.all();
    EXPECT_NE(refused.err.find("there is no ZFS pool " + pool.name()), std::string::npos)
        << refused.all();
  }
  pool.import();
  velo->ok("branch start demo/main");
  EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");

  // After a reboot nothing may be mounted: what needs a volume mounts it.
  velo->ok("branch stop demo/main");
  run_zfs({"unmount", "-a"});
  velo->ok("branch create demo/new");
  EXPECT_EQ(velo->value("demo/new", "SELECT x FROM t"), "1");
  velo->ok("branch start demo/dev");
}

}  // namespace
}  // namespace velo::test

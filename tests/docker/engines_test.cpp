// What people come for, on other daemons and images than the lane's usual ones, with archiving on.
#include <sys/stat.h>

#include "docker_test.h"

namespace velo::test {
namespace {

struct Engine {
  std::string name;
  std::string variable;  ///< of the environment, that says where it is; empty: the usual daemon
  std::string image;
  std::string library;  ///< that archives there; empty: the shell does
};

class Engines : public DockerTest, public testing::WithParamInterface<Engine> {
 protected:
  void SetUp() override {
    DockerTest::SetUp();
    if (!velo || GetParam().variable.empty()) return;
    const char* const daemon = std::getenv(GetParam().variable.c_str());
    VELO_NEEDS_PLACE(daemon != nullptr, GetParam().variable);
    velo->set("DOCKER_HOST=" + std::string(daemon));
  }
  void expect_archiving(const std::string& branch) const {
    Sql sql = velo->sql(branch);
    EXPECT_EQ(sql.value("SHOW archive_library"), GetParam().library);
    sql.execute("CREATE TABLE written (x int)");
    sql.execute("SELECT pg_switch_wal()");
    EXPECT_TRUE(wait_until(
        [&] { return sql.value("SELECT archived_count > 0 FROM pg_stat_archiver") == "t"; }));
    EXPECT_EQ(sql.value("SELECT failed_count FROM pg_stat_archiver"), "0");
  }
};

TEST_P(Engines, CreateBranchResetStopStartDelete) {
  if (IsSkipped()) return;
  // A name of its own: those of containers are the whole daemon's.
  const std::string project = "engine-" + GetParam().name;
  const std::string main = project + "/main";
  const std::string dev = project + "/dev";
  velo->ok("config set grace 0");
  velo->ok({"project", "create", project, "--runtime", "docker", "--image", GetParam().image,
            "--pool", velo->pool().string()});
  velo->sql(main).execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create " + dev);
  velo->sql(dev).execute("UPDATE t SET x = 2");
  EXPECT_EQ(velo->value(main, "SELECT x FROM t"), "1");
  expect_archiving(dev);
  velo->ok("branch reset " + dev + " --force");
  EXPECT_EQ(velo->value(dev, "SELECT x FROM t"), "1");
  expect_archiving(dev);
  velo->ok("branch stop " + dev);
  EXPECT_EQ(velo->state(dev), "stopped");
  velo->ok("branch start " + dev);
  EXPECT_EQ(velo->state(dev), "running");
  EXPECT_EQ(velo->value(dev, "SELECT x FROM t"), "1");
  struct stat status{};
  ASSERT_EQ(::stat((velo->data_directory(dev) / "PG_VERSION").c_str(), &status), 0);
  if (::geteuid() == 0) {
    EXPECT_EQ(status.st_uid, 70U) << "the image's user, by the machine's own numbers";
  }
  const std::string listed = velo->ok("status").out;
  EXPECT_EQ(listed.find("down"), std::string::npos) << listed;
  velo->ok("branch delete " + dev + " --force");
  velo->ok("project delete " + project + " --force");
  EXPECT_TRUE(velo->volume_names().empty());
  EXPECT_TRUE(fs::is_empty(velo->home() / "wal-archive"));
}

INSTANTIATE_TEST_SUITE_P(Every, Engines,
                         testing::Values(Engine{.name = "podman",
                                                .variable = "VELO_TEST_PODMAN",
                                                .image = "postgres:17-alpine",
                                                .library = "basic_archive"},
                                         Engine{.name = "userns",
                                                .variable = "VELO_TEST_DOCKER_USERNS",
                                                .image = "postgres:17-alpine",
                                                .library = "basic_archive"},
                                         Engine{.name = "busybox", .image = "postgres:17-busybox"}),
                         [](const auto& one) { return one.param.name; });

}  // namespace
}  // namespace velo::test

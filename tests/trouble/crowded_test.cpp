// A parent in production's clothes: five hundred clients, a renamed superuser, a pg_hba.conf of its
// users' making. (tests/parents has each on every driver, with few connections.)
#include <fstream>

#include "support/velo.h"

namespace velo::test {
namespace {

class Crowded : public PlacesTest {};

TEST_P(Crowded, FiveHundredClientsLeaveVeloTheConnectionsOfSuperusers) {
  velo->create_project("crowd", "--pg-conf max_connections=500");
  velo->sql("crowd/main")
      .execute("CREATE TABLE t AS SELECT 1 AS x; CREATE ROLE someone LOGIN PASSWORD 'pw'");
  const std::string url =
      "postgresql://someone:pw@127.0.0.1:" + std::to_string(velo->port("crowd/main")) + "/postgres";
  std::vector<Sql> sessions;
  do sessions.emplace_back(url);
  while (sessions.back().connected() && sessions.size() < 600);
  EXPECT_GE(sessions.size(), 490U);
  EXPECT_NE(sessions.back().error().find("reserved"), std::string::npos) << sessions.back().error();
  const Ran created = velo->ok("branch create crowd/dev");
  EXPECT_EQ(created.err.find("no checkpoint"), std::string::npos) << created.all();
  EXPECT_EQ(velo->value("crowd/dev", "SELECT x FROM t"), "1");
  velo->ok("branch reset crowd/dev --force");
  velo->ok("snapshot create crowd/main");
  // Clients that stay connected hold up no restart.
  const auto start = std::chrono::steady_clock::now();
  velo->ok("branch restart crowd/main");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(90));
  EXPECT_EQ(velo->value("crowd/main", "SELECT x FROM t"), "1");
}

TEST_P(Crowded, ARenamedSuperuserAndAnHbaOfItsUsersMakingKeepNobodyOut) {
  velo->create_project("guarded");
  Sql main = velo->sql("guarded/main");
  main.execute("CREATE TABLE t AS SELECT 1 AS x; CREATE ROLE boss SUPERUSER LOGIN PASSWORD 'boss'");
  Sql boss("postgresql://boss:boss@127.0.0.1:" + std::to_string(velo->port("guarded/main")) +
           "/postgres");
  boss.execute("ALTER ROLE postgres RENAME TO owner_of_all");
  std::ofstream(velo->data_directory("guarded/main") / "pg_hba.conf", std::ios::trunc)
      << "local all all reject\nhost all all all reject\n";
  boss.execute("SELECT pg_reload_conf()");
  ASSERT_TRUE(wait_until([&] { return !Sql(velo->url("guarded/main")).connected(); }));
  const Ran created = velo->ok("branch create guarded/dev");
  EXPECT_EQ(created.err.find("no checkpoint"), std::string::npos) << created.all();
  velo->ok("branch reset guarded/dev --force");
  velo->ok("branch restart guarded/main");
  EXPECT_EQ(velo->state("guarded/dev"), "running");
}

INSTANTIATE_TEST_SUITE_P(Places, Crowded,
                         testing::Values(Where{.driver = "btrfs"},
                                         Where{
                                             .driver = "btrfs", .major = 17, .runtime = "docker"}),
                         param_name);

}  // namespace
}  // namespace velo::test

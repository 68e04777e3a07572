// Pools of branches: filled in the background, taken from at once, replaced when they are stale.
#include <gmock/gmock.h>
#include "support/caretakers.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::SizeIs;

class BranchPool : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped()) return;
    velo->ok("config set archive off");  // and no base besides
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  }
  /// Its parent's pool has `ready` branches and no stale one, and nobody is at work.
  void expect_filled(std::size_t ready) const {
    const auto is_filled = [&] {
      const Json list = velo->json("pool list");
      return list.number("/branch_pools/0/ready") == static_cast<int>(ready) &&
             list.number("/branch_pools/0/stale") == 0 && is_without_caretaker(velo->home());
    };
    EXPECT_TRUE(wait_until(is_filled, std::chrono::minutes(2))) << velo->run("pool list").all();
    EXPECT_EQ(servers_below(velo->volumes()).size(), all_branches().size());
  }
  std::vector<std::string> all_branches() const {
    return velo->json("branch list --all").texts("/branches", "full_name");
  }
  std::vector<std::string> branches() const {
    return velo->json("branch list").texts("/branches", "full_name");
  }
  std::string run_and_ask(const std::string& before, const std::string& sql) const {
    std::vector<std::string> line = words("run " + before + " -- psql -qAtc");
    line.push_back(sql);
    return velo->ok(line).out;
  }
};

TEST_P(BranchPool, ARunTakesABranchAndAnotherComesInItsPlace) {
  const Json set = velo->json("pool set demo --size 2");
  EXPECT_EQ(set.text("/branch_pool/parent"), "demo/main");
  EXPECT_EQ(velo->json("snapshot list demo/main").size("/snapshots"), 1U) << "there was none";
  expect_filled(2);
  EXPECT_THAT(branches(), ElementsAre("demo/main")) << "spares are nobody's yet";
  EXPECT_THAT(all_branches(), SizeIs(3));
  velo->sql("demo/main").execute("UPDATE t SET x = 2");

  const std::vector<std::string> before = all_branches();
  std::vector<std::string> line = words("run demo -- /bin/sh -c");
  line.emplace_back("psql -Atc 'SELECT x FROM t'; basename $VELO_BRANCH");
  const Ran ran = velo->ok(line);
  EXPECT_THAT(ran.out, HasSubstr("1\n")) << "it is of the snapshot";
  EXPECT_THAT(ran.err, HasSubstr("snapshot ")) << "and says so";
  const std::string name = ran.out.substr(ran.out.find("run-") + 4, 8);
  EXPECT_THAT(before, Contains("demo/spare-" + name)) << "it was ready before";
  expect_filled(2);
  EXPECT_THAT(all_branches(), Not(Contains("demo/spare-" + name)));
}

TEST_P(BranchPool, ATakenBranchStaysAndIsLikeAnyOther) {
  velo->ok("pool set demo/main --size 1");
  expect_filled(1);
  const Json taken = velo->json("branch create demo/dev --from-pool");
  EXPECT_EQ(taken.text("/branch/name"), "dev");
  EXPECT_EQ(taken.text("/based_on/snapshot"), velo->json("snapshot list").text("/snapshots/0/id"));
  EXPECT_FALSE(taken.text("/based_on/as_of").empty());
  expect_filled(1);
  EXPECT_THAT(branches(), ElementsAre("demo/main", "demo/dev"));
  EXPECT_EQ(velo->value("demo/dev", "UPDATE t SET x = 7 RETURNING x"), "7");
  velo->ok("branch restart demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "7");
  velo->ok("branch reset demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->ok("branch delete demo/dev");
  velo->ok("branch undelete demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  velo->fails(4, "branch create demo/dev --from-pool");
}

TEST_P(BranchPool, ANewerSnapshotReplacesWhatIsReady) {
  velo->ok("pool set demo --size 1");
  expect_filled(1);
  velo->sql("demo/main").execute("UPDATE t SET x = 2");
  velo->ok("snapshot create demo/main --label newer");
  expect_filled(1);
  EXPECT_EQ(velo->json("pool list").text("/branch_pools/0/based_on/label"), "newer");
  EXPECT_EQ(run_and_ask("demo", "SELECT x FROM t"), "2\n");
  expect_filled(1);
}

INSTANTIATE_TEST_SUITE_P(Places, BranchPool,
                         testing::Values(Where{.driver = "btrfs"}, Where{.driver = "reflink"},
                                         Where{.driver = "copy"}),
                         param_name);

class BranchPoolOnce : public BranchPool {};

TEST_P(BranchPoolOnce, AnEmptyOneIsOfTheSameSnapshotAndOnlySlower) {
  velo->ok("snapshot create demo/main --label seeded");
  velo->sql("demo/main").execute("UPDATE t SET x = 2");
  velo->ok("pool set demo --size 1 --snapshot seeded");
  const Ran ran = velo->ok("run demo -j 3 -- psql -qAtc TABLE\tt");
  EXPECT_EQ(ran.out, "1\n1\n1\n") << ran.all();
  EXPECT_EQ(run_and_ask("demo --no-pool", "TABLE t"), "2\n");
  velo->ok("snapshot create demo/main --label later");
  expect_filled(1);
  EXPECT_EQ(run_and_ask("demo", "TABLE t"), "1\n") << "it was told which";
}

TEST_P(BranchPoolOnce, ABranchThatDiedIsNotGivenAndIsReplaced) {
  velo->ok("pool set demo --size 1");
  expect_filled(1);
  const std::string spare = velo->json("branch list --all").text("/branches/1/full_name");
  velo->kill_server(spare);
  EXPECT_EQ(run_and_ask("demo", "TABLE t"), "1\n");
  expect_filled(1);
  EXPECT_THAT(all_branches(), Not(Contains(spare)));
}

TEST_P(BranchPoolOnce, EightTakersAtOnceGetABranchEach) {
  velo->ok("pool set demo --size 4");
  expect_filled(4);
  std::vector<std::future<Ran>> runs;
  for (int i = 0; i < 8; ++i) {
    runs.push_back(velo->start("run demo -- psql -qAtc INSERT\tINTO\tt\tVALUES(2);TABLE\tt"));
  }
  for (auto& run : runs) {
    const Ran ran = run.get();
    EXPECT_EQ(ran.exit_status, 0) << ran.all();
    EXPECT_EQ(ran.out, "1\n2\n") << ran.all();
  }
  expect_filled(4);
}

TEST_P(BranchPoolOnce, EphemeralOnesAreForRunsAlone) {
  velo->ok("pool set demo --size 1 --ephemeral");
  expect_filled(1);
  const Ran ran = velo->ok("run demo -- psql -qAtc SHOW\tfsync");
  EXPECT_EQ(ran.out, "off\n");
  EXPECT_THAT(ran.err, HasSubstr("would not survive"));
  EXPECT_THAT(velo->fails(2, "branch create demo/dev --from-pool").err, HasSubstr("fsync off"));
  velo->ok("pool set demo --size 1");
  expect_filled(1);
  EXPECT_EQ(run_and_ask("demo", "SHOW fsync"), "on\n");
}

TEST_P(BranchPoolOnce, GoesWithItsBranchesAndWithItsParent) {
  velo->ok("branch create demo/dev");
  velo->ok("pool set demo/dev --size 2");
  velo->ok("pool set demo --size 1");
  ASSERT_TRUE(
      wait_until([&] { return is_without_caretaker(velo->home()); }, std::chrono::minutes(2)));
  EXPECT_THAT(velo->ok("status").out, HasSubstr("2 of 2"));
  EXPECT_EQ(velo->json("status").size("/branch_pools"), 2U);
  velo->ok("branch delete demo/dev --now");
  EXPECT_EQ(velo->json("pool list").size("/branch_pools"), 1U);
  EXPECT_THAT(all_branches(), SizeIs(2));
  velo->ok("pool rm demo");
  EXPECT_THAT(all_branches(), ElementsAre("demo/main"));
  EXPECT_EQ(velo->json("pool list").size("/branch_pools"), 0U);
  EXPECT_EQ(servers_below(velo->volumes()).size(), 1U);
  EXPECT_THAT(velo->fails(3, "pool rm demo").err, HasSubstr("has no pool"));
}

TEST_P(BranchPoolOnce, WhyItCannotBeFilledIsSaid) {
  velo->ok("snapshot create demo/main --label seeded");
  velo->ok("pool set demo --size 1 --snapshot seeded");
  expect_filled(1);
  velo->ok("snapshot delete demo/main@seeded");
  EXPECT_EQ(run_and_ask("demo", "TABLE t"), "1\n") << "what is ready is given";
  ASSERT_TRUE(wait_until([&] {
    const Json list = velo->json("pool list");
    return !list.is_null("/branch_pools/0/error") &&
           list.text("/branch_pools/0/error").find("is gone") != std::string::npos;
  }));
  EXPECT_THAT(velo->run("doctor").out, HasSubstr("the pool of demo/main: 0 of 1 ready"));
  velo->ok("pool set demo --size 1");
  expect_filled(1);
  EXPECT_TRUE(velo->json("pool list").is_null("/branch_pools/0/error"));
}

TEST_P(BranchPoolOnce, ManyAreMadeOfOneMoment) {
  const Json made = velo->json("branch create demo --count 3 --prefix w");
  EXPECT_THAT(made.texts("/branches", "full_name"), ElementsAre("demo/w1", "demo/w2", "demo/w3"));
  EXPECT_EQ(made.size("/failed"), 0U);
  for (const char* name : {"demo/w1", "demo/w2", "demo/w3"}) {
    EXPECT_EQ(velo->value(name, "TABLE t"), "1");
    EXPECT_EQ(velo->json(std::string("branch get ") + name).text("/branch/parent"), "demo/main");
  }
  EXPECT_EQ(velo->json("snapshot list").size("/snapshots"), 0U) << "it was for them alone";
  const Ran again = velo->run("branch create demo/w --count 4");
  EXPECT_EQ(again.exit_status, 4) << again.all();
  EXPECT_THAT(again.err, HasSubstr("demo/w1"));
  EXPECT_THAT(again.err, HasSubstr("already exists"));
  EXPECT_THAT(again.out, HasSubstr("demo/w4"));
  EXPECT_EQ(velo->state("demo/w4"), "running");
  velo->fails(2, "branch create demo --count 2");
  velo->fails(2, "branch create demo/x --count 2 --port 5555");
  velo->fails(2, "branch create demo/x --prefix y");
}

INSTANTIATE_TEST_SUITE_P(Places, BranchPoolOnce, testing::Values(Where{}), param_name);

class BranchPoolInContainers : public BranchPool {};

TEST_P(BranchPoolInContainers, ARunHasAContainerThatIsMadeOrTaken) {
  EXPECT_EQ(run_and_ask("demo", "UPDATE t SET x = 2; TABLE t"), "2\n");
  velo->ok("pool set demo --size 1");
  expect_filled(1);
  EXPECT_EQ(run_and_ask("demo", "TABLE t"), "1\n");
  expect_filled(1);
}

INSTANTIATE_TEST_SUITE_P(Places, BranchPoolInContainers,
                         testing::Values(Where{
                             .driver = "btrfs", .major = 17, .runtime = "docker"}),
                         param_name);

}  // namespace
}  // namespace velo::test

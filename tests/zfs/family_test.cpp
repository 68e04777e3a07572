// Origins and clones, which nobody should have to think of: each branch goes, is reset and comes
// back whatever was made of it (defects 7 and 16 of the earlier Velo, on ZFS).
#include "storage/zfs_layout.h"
#include "support/velo.h"
#include "zpool.h"

namespace velo::test {
namespace {

class ZfsFamily : public E2eTest {
 protected:
  void SetUp() override { set_up({.driver = "zfs"}); }
};

TEST_F(ZfsFamily, ChildrenOfResetAndDeletedParentsKeepTheirData) {
  velo->create_project("demo");
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  velo->ok("branch create demo/dev");
  velo->sql("demo/dev").execute("UPDATE t SET x = 2");
  velo->ok("branch create demo/child --parent demo/dev");
  velo->ok("config set grace 0");

  // The child's origin is the old volume of dev, which goes at once.
  velo->ok("branch reset demo/dev --force");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  EXPECT_EQ(velo->value("demo/child", "SELECT x FROM t"), "2");
  EXPECT_EQ(velo->volume_names(),
            (std::vector<std::string>{"demo-child", "demo-dev.2", "demo-main"}));
  // And once more, with a grandchild.
  velo->ok("branch create demo/grandchild --parent demo/child --no-start");
  velo->ok("branch reset demo/child --force");
  EXPECT_EQ(velo->value("demo/child", "SELECT x FROM t"), "1");
  velo->ok("branch start demo/grandchild");
  EXPECT_EQ(velo->value("demo/grandchild", "SELECT x FROM t"), "2");
  velo->fails(4, "branch delete demo/dev");
  velo->ok("branch delete demo/dev --force");
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-main"}));
  // The bases that main's moments begin with are what is left of snapshots.
  const std::string left =
      run_zfs({"list", "-H", "-r", "-t", "snapshot", "-o", "name", velo->place().path().string()});
  const Json snapshots = velo->json("snapshot list");
  std::size_t bases = 0;
  for (std::size_t i = 0; i < snapshots.size("/snapshots"); ++i) {
    const std::string snapshot = "/snapshots/" + std::to_string(i);
    if (snapshots.text(snapshot + "/purpose") == "base") ++bases;
  }
  EXPECT_EQ(std::ranges::count(left, '@'), static_cast<std::ptrdiff_t>(bases)) << left;
}

TEST_F(ZfsFamily, BranchGetSaysWhatDeletingFreesAndWhatStays) {
  velo->create_project("demo");
  velo->ok("branch create demo/dev");
  velo->sql("demo/dev")
      .execute(
          "CREATE TABLE t AS SELECT sha512(i::text::bytea) AS noise FROM generate_series(1, 20000) "
          "i; "
          "CHECKPOINT");
  velo->ok("branch stop demo/dev");
  run_zpool({"sync"});
  const Json alone = velo->json("branch get demo/dev");
  EXPECT_GT(alone.number("/branch/deleting/frees_bytes"), 1'500'000);
  EXPECT_EQ(alone.text("/branch/deleting/shared_with/0"), "demo/main");

  // A child shares all of that: deleting its parent would leave it.
  velo->ok("branch create demo/child --parent demo/dev --no-start");
  const Json shared = velo->json("branch get demo/dev");
  EXPECT_LT(shared.number("/branch/deleting/frees_bytes"), 500'000);
  EXPECT_GT(shared.number("/branch/deleting/stays_bytes"),
            alone.number("/branch/deleting/stays_bytes") + 1'000'000);
  EXPECT_EQ(shared.text("/branch/deleting/shared_with/1"), "demo/child");

  // And so it is: the pool gets back what was said, or a little more.
  velo->ok("branch delete demo/child");
  velo->ok("config set grace 0");
  run_zpool({"sync"});
  const std::int64_t told =
      velo->json("branch get demo/dev").number("/branch/deleting/frees_bytes");
  const auto used = [&] {
    run_zpool({"sync"});
    return std::stoll(
        run_zfs({"get", "-H", "-p", "-o", "value", "used", velo->place().path().string()}));
  };
  const std::int64_t before = used();
  velo->ok("branch delete demo/dev");
  EXPECT_TRUE(wait_until([&] { return before - used() >= told * 9 / 10; }))
      << told << " were told, " << before - used() << " came back";
}

// Defect 5: the names of a/b-main and a-b/main meet in one dataset.
TEST_F(ZfsFamily, NamesThatMeetAreTwoDatasets) {
  velo->create_project("a");
  velo->ok("branch create a/b-main --no-start");
  run_zfs({"create", "-u",
           storage::zfs::dataset_of(velo->place().path().string(), "a-x")});  // not Velo's
  velo->ok("branch create a/x --no-start");
  EXPECT_EQ(velo->json("branch get a/x").text("/branch/volume"), "a-x.2");
  velo->ok("branch delete a/x");
  EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"a-b-main", "a-main", "a-x", "a-x.2"}));
}

}  // namespace
}  // namespace velo::test

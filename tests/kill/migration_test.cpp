// A catalog of an older velo, brought up to date by a command that is killed, or fails, meanwhile.
#include "older_catalog.h"
#include "support/doctor.h"
#include "tally.h"

namespace velo::test {
namespace {

class Migration : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->ok("config set archive off");  // what snapshots are, an older one may not know
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE rows AS SELECT generate_series(1, 1000) AS n");
    velo->ok("branch create demo/dev");
    newest = schema_version(state());
  }
  fs::path state() const { return velo->home() / "private/state.db"; }

  void hurt_at(const std::string& point, const std::string& action, Tally& tally) {
    SCOPED_TRACE(point + "=" + action);
    make_older(state());
    ASSERT_EQ(schema_version(state()), newest - 1);
    velo->use_binary("velo-faults");
    const Ran ran =
        velo->run(words("branch stop demo/dev"), {"VELO_FAULT=" + point + "=" + action});
    velo->use_binary("velo");
    EXPECT_EQ(ran.exit_status, action == "kill" ? 137 : 1) << ran.all();
    const bool happened = schema_version(state()) == newest;
    velo->ok("branch stop demo/dev");
    EXPECT_EQ(schema_version(state()), newest);
    velo->ok("branch start demo/dev");
    const auto wrong = doctor(*velo).troubles();
    EXPECT_EQ(wrong, std::vector<std::string>{});
    int lost = 0;
    for (const char* branch : {"demo/main", "demo/dev"}) {
      lost += velo->value(branch, "SELECT count(*) FROM rows") == "1000" ? 0 : 1;
    }
    EXPECT_EQ(lost, 0);
    tally.count(happened, {.lost = lost, .orphans = static_cast<int>(wrong.size())});
  }

  int newest = 0;
};

TEST_F(Migration, HappensWhollyOrNotAtAll) {
  for (const std::string action : {"kill", "error"}) {
    Tally tally(velo->where(), "Migration", action);
    for (const char* point : {"catalog/saved", "catalog/migrated"}) hurt_at(point, action, tally);
  }
}

TEST_F(Migration, ANewCatalogThatWasBegunIsMade) {
  for (const std::string point : {"catalog/made", "catalog/migrated"}) {
    for (const std::string action : {"kill", "error"}) {
      const std::string fault = fmt::format("{}={}", point, action);
      SCOPED_TRACE(fault);
      const TempDirectory scratch(homes());
      const std::vector<std::string> elsewhere{"VELO_HOME=" + (scratch.path() / "home").string()};
      auto hurt = elsewhere;
      hurt.push_back("VELO_FAULT=" + fault);
      velo->use_binary("velo-faults");
      EXPECT_EQ(velo->run(words("config set grace 1h"), hurt).exit_status,
                action == "kill" ? 137 : 1);
      velo->use_binary("velo");
      const Ran again = velo->run(words("config set grace 1h"), elsewhere);
      EXPECT_EQ(again.exit_status, 0) << again.all();
      EXPECT_EQ(velo->run(words("config get grace"), elsewhere).out, "1h\n");
    }
  }
}

}  // namespace
}  // namespace velo::test

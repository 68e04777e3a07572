// A clock that was years ahead and was then set right, which is to say back: what was written down
// then lies in the future, and nothing waits for it.
//
// Velo is given the other clock by libfaketime; servers keep the machine's.
#include <filesystem>

#include "support/doctor.h"
#include "support/velo.h"

namespace velo::test {
namespace {

std::string faketime_library() {
  std::error_code ignored;
  for (const auto& architecture : fs::directory_iterator("/usr/lib", ignored)) {
    const fs::path library = architecture.path() / "faketime/libfaketime.so.1";
    if (fs::exists(library)) return library;
  }
  return "";
}

class ClockSetBack : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (IsSkipped() || !velo) return;
    if (faketime_library().empty()) {
      if (places_are_required()) FAIL() << "libfaketime is not installed";
      GTEST_SKIP() << "libfaketime is not installed";
    }
  }

  Ran years_ahead(const std::string& line) const {
    return velo->run(words(line), {"LD_PRELOAD=" + faketime_library(), "FAKETIME=+3650d",
                                   "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"});
  }
  void ok_years_ahead(const std::string& line) const {
    const Ran ran = years_ahead(line);
    EXPECT_EQ(ran.exit_status, 0) << ran.all();
  }
  std::size_t snapshots_of_main() const {
    return velo->json("snapshot list demo/main").size("/snapshots");
  }
};

TEST_F(ClockSetBack, EverythingGoesOn) {
  std::string line;
  for (const std::string& word : velo->project_words("demo")) line += word + " ";
  ok_years_ahead(line);
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  ok_years_ahead("branch create demo/dev");
  ok_years_ahead("branch create demo/kept");
  ok_years_ahead("branch delete demo/kept");
  ok_years_ahead("branch reset demo/dev --force");

  for (const char* later :
       {"status", "operations", "snapshot list", "branch get demo/dev", "wal info demo/main",
        "branch restart demo/dev", "branch stop demo/dev", "branch reset demo/dev --force",
        "branch start demo/dev", "branch create demo/new", "snapshot create demo/main --label now",
        "branch undelete demo/kept", "branch delete demo/kept"}) {
    velo->ok(later);
  }
  EXPECT_EQ(velo->value("demo/new", "SELECT x FROM t"), "1");
  // Kept for ten years and a day, unless somebody says otherwise.
  velo->ok("config set grace 0");
  velo->ok("branch delete demo/new");
  velo->ok("project delete demo --force");
  EXPECT_EQ(velo->place().volume_names(), std::vector<std::string>{});
}

TEST_F(ClockSetBack, ASnapshotOfTheFutureHoldsUpNoSchedule) {
  velo->create_project("demo");
  velo->ok("snapshot schedule demo/main --every 1h --keep 24h:1h");
  ok_years_ahead("snapshot run-schedule");
  const std::size_t before = snapshots_of_main();
  const Ran ran = velo->ok("snapshot run-schedule");
  EXPECT_EQ(snapshots_of_main(), before + 1) << "none for ten years\n" << ran.all();
  velo->ok("snapshot run-schedule");
  EXPECT_EQ(snapshots_of_main(), before + 1) << "one an hour";
  EXPECT_EQ(doctor(*velo).troubles(), std::vector<std::string>{});
}

TEST_F(ClockSetBack, ABaseOfTheFutureIsNoneForTheMomentsOfNow) {
  std::string line;
  for (const std::string& word : velo->project_words("demo")) line += word + " ";
  ok_years_ahead(line);
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
  const std::size_t before = snapshots_of_main();
  velo->ok("branch create demo/dev");
  EXPECT_EQ(snapshots_of_main(), before + 1) << "the only base is ten years off";
  velo->ok("branch create demo/more");
  EXPECT_EQ(snapshots_of_main(), before + 1) << "there is one of today";
  velo->sql("demo/main").execute("INSERT INTO t VALUES (2)");
  velo->ok("branch create demo/then --pitr now");
  EXPECT_EQ(velo->value("demo/then", "SELECT count(*) FROM t"), "2");
}

}  // namespace
}  // namespace velo::test

// Recovery where the WAL is not as usual: segments of another size, several timelines, and the
// files beside the segments.
#include <gmock/gmock.h>

#include "base/files.h"
#include "support/moment.h"
#include "support/odd_build.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

class RecoveryWal : public E2eTest {
 protected:
  void begin(const std::string& more = {}) const {
    velo->create_project("demo", more);
    velo->sql("demo/main").execute("CREATE TABLE t (i int)");
  }
  void add(const std::string& branch, int number) const {
    velo->sql(branch).execute("INSERT INTO t VALUES (" + std::to_string(number) + ")");
  }
  std::string rows(const std::string& branch) const {
    return velo->value(branch, "SELECT string_agg(i::text, ',' ORDER BY i) FROM t");
  }
  void expect_as_of(const std::string& moment, const std::string& wanted,
                    const std::string& branch = "demo/main") const {
    velo->ok("branch create demo/then --parent " + branch + " --pitr " + moment);
    EXPECT_EQ(rows("demo/then"), wanted) << moment;
    velo->ok("branch delete demo/then --now --force");
  }
  /// Ends a segment, and waits until it is archived; its name.
  std::string archive_one(const std::string& branch) const {
    Sql sql = velo->sql(branch);
    sql.execute("INSERT INTO t SELECT WHERE false; SELECT pg_current_xact_id()");
    const std::string segment = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
    EXPECT_TRUE(wait_until([&] {
      return sql.value("SELECT count(*) FROM pg_stat_archiver WHERE last_archived_wal >= '" +
                       segment + "'") == "1";
    })) << segment;
    return segment;
  }
  std::vector<std::string> archived(const std::string& branch) const {
    return list_directory(velo->json("wal info " + branch).text("/wal/0/archive")).value();
  }
};

struct Size {
  const char* argument;
  const char* shown;
  const char* begins;  ///< the first segment, shortly before the numbering of that size turns over
  const char* behind;  ///< the first one behind that
};

// Builds are configured with another size, or initdb is told by whoever packages them.
class SegmentSizes : public RecoveryWal, public testing::WithParamInterface<Size> {
 protected:
  void SetUp() override {
    RecoveryWal::set_up({.driver = "", .major = odd_major});
    if (IsSkipped()) return;
    make_odd_build(velo->home(), "initdb",
                   "\"$real\" --wal-segsize=" + std::string(GetParam().argument) +
                       " \"$@\" && exec \"${real%initdb}pg_resetwal\" -l " + GetParam().begins +
                       " \"$2\" >/dev/null");
    begin();
  }
  void archive_until_it_turns_over() const {
    std::string last;
    for (int i = 0; i < 5 && last != GetParam().behind; ++i) last = archive_one("demo/main");
    EXPECT_EQ(last, GetParam().behind);
  }
};

TEST_P(SegmentSizes, AreArchivedReplayedAndCountedAsTheyAre) {
  EXPECT_EQ(velo->value("demo/main", "SHOW wal_segment_size"), GetParam().shown);
  add("demo/main", 1);
  const std::string first = moment_between();
  archive_one("demo/main");
  add("demo/main", 2);
  const std::string second = moment_between();
  archive_until_it_turns_over();
  add("demo/main", 3);
  const std::string third = moment_between();
  archive_one("demo/main");

  const Json seen = velo->json("wal info demo/main");
  EXPECT_EQ(seen.size("/wal/0/gaps"), 0U);
  EXPECT_THAT(seen.texts("/wal/0/windows"), ElementsAre(EndsWith(" on")));
  expect_as_of(first, "1");
  expect_as_of(second, "1,2");
  expect_as_of(third, "1,2,3");

  // The fork is within a segment, and the parent goes on in its own one of that name.
  velo->ok("branch create demo/dev");
  add("demo/dev", 10);
  const std::string forked = moment_between();
  add("demo/dev", 11);
  add("demo/main", 4);
  archive_one("demo/main");
  expect_as_of(forked, "1,2,3,10", "demo/dev");

  // What no snapshot needs goes, and nothing else.
  velo->ok("snapshot create demo/main");
  velo->ok("snapshot cleanup demo/main --days 0");
  add("demo/main", 5);
  const std::string last = moment_between();
  archive_one("demo/main");
  const Json cut = velo->json("wal cleanup demo/main --days 0");
  EXPECT_GE(cut.number("/removed"), 3);
  EXPECT_GE(cut.number("/needed"), 1);
  expect_as_of(last, "1,2,3,4,5");
}

TEST_P(SegmentSizes, AGapIsFoundWhereTheNumberingTurnsOver) {
  archive_until_it_turns_over();
  const std::string missing = GetParam().behind;
  archive_one("demo/main");
  velo->ok("branch stop demo/main");
  fs::remove(fs::path(velo->json("wal info demo/main").text("/wal/0/archive")) /
             (missing + ".zst"));
  fs::remove(velo->data_directory("demo/main") / "pg_wal" / missing);
  EXPECT_THAT(velo->json("wal info demo/main").texts("/wal/0/gaps"), ElementsAre(missing));
  EXPECT_THAT(velo->fails(3, "branch create demo/x --pitr now").err, HasSubstr(missing));
}

INSTANTIATE_TEST_SUITE_P(All, SegmentSizes,
                         testing::Values(Size{.argument = "1",
                                              .shown = "1MB",
                                              .begins = "0000000100000000000000FE",
                                              .behind = "000000010000000000000100"},
                                         Size{.argument = "64",
                                              .shown = "64MB",
                                              .begins = "00000001000000000000003E",
                                              .behind = "000000010000000100000000"}),
                         [](const auto& given) { return std::string(given.param.shown); });

class Timelines : public RecoveryWal {
 protected:
  void SetUp() override {
    RecoveryWal::SetUp();
    if (!IsSkipped()) begin();
  }
};

// Each restore promotes: a timeline that has the last one's history behind it.
TEST_F(Timelines, MomentsOfEachAreHadFromTheLatest) {
  add("demo/main", 1);
  const std::string first = moment_between();
  add("demo/main", 100);
  velo->ok("branch restore demo/main --pitr " + first);
  add("demo/main", 2);
  const std::string second = moment_between();
  add("demo/main", 200);
  velo->ok("branch restore demo/main --pitr " + second);
  EXPECT_EQ(velo->value("demo/main", "SELECT timeline_id FROM pg_control_checkpoint()"), "3");
  add("demo/main", 3);
  const std::string third = moment_between();
  add("demo/main", 300);
  archive_one("demo/main");

  EXPECT_THAT(archived("demo/main"), Contains(HasSubstr("00000003.history")));
  const Json seen = velo->json("wal info demo/main");
  EXPECT_EQ(seen.size("/wal/0/gaps"), 0U);
  expect_as_of(third, "1,2,3");
  expect_as_of(second, "1,2");
  expect_as_of(first, "1");
  // Out of a base of the third alone, and again where that is gone.
  velo->ok("snapshot create demo/main --label late");
  add("demo/main", 4);
  const std::string fourth = moment_between();
  add("demo/main", 400);
  expect_as_of(fourth, "1,2,3,4,300");
  velo->ok("snapshot delete demo/main@late");
  expect_as_of(fourth, "1,2,3,4,300");
}

// A base backup by other means leaves a .backup file in the archive.
TEST_F(Timelines, ABackupsFileIsArchivedAndNoSegment) {
  Sql sql = velo->sql("demo/main");
  const bool is_old = std::stoi(sql.value("SHOW server_version_num")) < 150000;
  add("demo/main", 1);
  sql.execute(is_old ? "SELECT pg_start_backup('x', true, false)"
                     : "SELECT pg_backup_start('x', true)");
  sql.execute(is_old ? "SELECT pg_stop_backup(false)" : "SELECT pg_backup_stop()");
  EXPECT_TRUE(wait_until([&] {
    const auto names = archived("demo/main");
    return std::ranges::any_of(
        names, [](const std::string& name) { return name.find(".backup") != std::string::npos; });
  }));
  const std::string moment = moment_between();
  add("demo/main", 2);
  archive_one("demo/main");
  const Json seen = velo->json("wal info demo/main");
  EXPECT_EQ(seen.size("/wal/0/gaps"), 0U);
  expect_as_of(moment, "1");
}

}  // namespace
}  // namespace velo::test

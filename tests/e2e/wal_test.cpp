// `velo wal`: what is archived, what is missing, and making it less.
#include <gmock/gmock.h>

#include <fstream>

#include "base/files.h"
#include "support/doctor.h"

namespace velo::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Wal : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (IsSkipped()) return;
    velo->create_project("demo");
  }
  /// Fills and ends a segment, and waits until it is archived; its name.
  std::string archive_one(const std::string& branch) const {
    Sql sql = velo->sql(branch);
    sql.execute("CREATE TABLE IF NOT EXISTS t (i int); INSERT INTO t VALUES (1)");
    const std::string segment = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
    EXPECT_TRUE(wait_until([&] {
      return sql.value("SELECT last_archived_wal >= '" + segment + "' FROM pg_stat_archiver") ==
             "t";
    }));
    return segment;
  }
  Json info(const std::string& branch) const { return velo->json("wal info " + branch); }
  fs::path archive() const { return info("demo/main").text("/wal/0/archive"); }
};

TEST_F(Wal, InfoTellsWhatIsThereAndWhatCanBeHad) {
  const std::string first = archive_one("demo/main");
  const std::string last = archive_one("demo/main");
  const Json seen = info("demo/main");
  EXPECT_GE(seen.number("/wal/0/segments"), 2);
  EXPECT_EQ(seen.text("/wal/0/newest"), last);
  EXPECT_LE(seen.text("/wal/0/oldest"), first);
  EXPECT_LT(seen.number("/wal/0/stored_bytes"), seen.number("/wal/0/original_bytes"));
  EXPECT_EQ(seen.number("/wal/0/archiver_failures"), 0);
  EXPECT_EQ(seen.number("/wal/0/waiting_segments"), 0);
  EXPECT_EQ(seen.size("/wal/0/gaps"), 0U);
  EXPECT_THAT(seen.texts("/wal/0/windows"), ElementsAre(HasSubstr("from ")));
  EXPECT_THAT(velo->ok("wal info").out, HasSubstr("demo/main"));
  EXPECT_THAT(velo->ok("wal info demo/main").out, HasSubstr("Can be had:"));
}

TEST_F(Wal, AGapIsNamedByInfoAndDoctorAndNoRecoveryCrossesIt) {
  archive_one("demo/main");
  const std::string missing = archive_one("demo/main");
  archive_one("demo/main");
  velo->ok("branch stop demo/main");  // what its own pg_wal still has is no archive's
  fs::remove(archive() / (missing + ".zst"));
  fs::remove(archive() / missing);
  fs::remove(velo->data_directory("demo/main") / "pg_wal" / missing);
  EXPECT_THAT(info("demo/main").texts("/wal/0/gaps"), ElementsAre(missing));
  EXPECT_THAT(info("demo/main").texts("/wal/0/windows"), ElementsAre(HasSubstr(" to ")));
  EXPECT_THAT(velo->run("doctor").out, HasSubstr(missing));
  const Ran ran = velo->fails(3, "branch create demo/x --pitr now");
  EXPECT_THAT(ran.err, HasSubstr(missing));
  EXPECT_THAT(velo->volume_names(), Not(testing::Contains(HasSubstr("demo-x"))));
}

TEST_F(Wal, ADamagedSegmentIsNamedAndNoRecoveryEndsQuietlyBeforeIt) {
  archive_one("demo/main");
  const std::string damaged = archive_one("demo/main");
  archive_one("demo/main");
  const fs::path file = archive() / (damaged + ".zst");
  const std::string whole = read_file(file).value();
  const auto volumes = velo->volume_names();
  std::string flipped = whole;
  flipped[flipped.size() / 2] ^= 4;
  for (const std::string& content : {flipped, whole.substr(0, whole.size() / 2)}) {
    std::ofstream(file, std::ios::binary) << content;  // its owner stays
    const Ran ran = velo->run("branch create demo/x --pitr now");
    EXPECT_EQ(ran.exit_status, 1) << ran.all();
    EXPECT_THAT(ran.err, testing::ContainsRegex("error: .*" + damaged + "[^\n]* is damaged"));
    EXPECT_EQ(velo->volume_names(), volumes);
  }
  std::ofstream(file, std::ios::binary) << whole;
  velo->ok("branch create demo/x --pitr now");
  EXPECT_EQ(velo->value("demo/x", "SELECT count(*) FROM t"), "3");
}

TEST_F(Wal, DoctorTellsTheLastSegmentAndWhenArchivingFails) {
  const std::string last = archive_one("demo/main");
  const Examination well = doctor(*velo);
  EXPECT_EQ(well.line("archive.whole").level, "ok");
  EXPECT_THAT(well.line("archive.whole").text, HasSubstr("the last segment archived is " + last));

  const fs::path directory = archive();
  fs::permissions(directory, fs::perms(0500));
  Sql sql = velo->sql("demo/main");
  sql.execute("INSERT INTO t VALUES (2)");
  const std::string stuck = sql.value("SELECT pg_walfile_name(pg_switch_wal())");
  EXPECT_TRUE(wait_until(
      [&] { return sql.value("SELECT last_failed_wal FROM pg_stat_archiver") == stuck; }));
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.ran.exit_status, 1);
  EXPECT_EQ(found.line("archive.failing").level, "error");
  EXPECT_THAT(found.line("archive.failing").text, HasSubstr("since " + stuck));
  EXPECT_EQ(info("demo/main").number("/wal/0/waiting_segments"), 1);
  EXPECT_THAT(velo->ok("wal info demo/main").out,
              HasSubstr("fails at " + stuck + ", 1 segment behind"));
  EXPECT_THAT(found.line("archive.failing").text, HasSubstr("last segment archived is " + last));
  EXPECT_THAT(found.line("archive.failing").hint, HasSubstr("velo logs demo/main"));
  fs::permissions(directory, fs::perms(0700));
}

TEST_F(Wal, CleanupLeavesWhatASnapshotNeeds) {
  archive_one("demo/main");
  const Json kept = velo->json("wal cleanup demo/main --days 0");
  EXPECT_EQ(kept.number("/removed"), 0);
  EXPECT_GE(kept.number("/needed"), 1);
  EXPECT_THAT(kept.text("/needed_by"), HasSubstr("the snapshot"));
  archive_one("demo/main");
  velo->ok("snapshot create demo/main");
  archive_one("demo/main");
  velo->ok("snapshot cleanup demo/main --days 0");  // the newer one stays
  const std::int64_t before = info("demo/main").number("/wal/0/segments");
  const Json dry = velo->json("wal cleanup demo/main --days 0 --dry-run");
  EXPECT_GE(dry.number("/removed"), 1);
  EXPECT_EQ(info("demo/main").number("/wal/0/segments"), before);
  EXPECT_EQ(velo->json("wal cleanup demo/main --days 0").number("/removed"),
            dry.number("/removed"));
  velo->ok("branch create demo/x --pitr now");  // what is needed is still there
  EXPECT_GE(velo->json("wal cleanup demo/main --days 0 --force").number("/removed"), 1);
  EXPECT_EQ(info("demo/main").number("/wal/0/segments"), 0);
  velo->fails(2, "wal cleanup demo/main");
  velo->fails(3, "wal cleanup demo/nix --days 0");
}

TEST_F(Wal, CleanupLeavesWhatABranchOfAParentsBaseNeeds) {
  velo->ok("branch create demo/dev");
  archive_one("demo/dev");
  const Json kept = velo->json("wal cleanup demo/dev --days 0");
  EXPECT_EQ(kept.number("/removed"), 0);
  EXPECT_THAT(kept.text("/needed_by"), HasSubstr("the snapshot"));
  velo->ok("branch create demo/x --parent demo/dev --pitr now");
  EXPECT_EQ(velo->value("demo/x", "SELECT count(*) FROM t"), "1");
}

TEST_F(Wal, ABranchWithoutArchiveSaysSo) {
  velo->ok("branch create demo/quick --no-archive");
  EXPECT_EQ(velo->value("demo/quick", "SHOW archive_mode"), "off");
  EXPECT_FALSE(info("demo/quick").truth("/wal/0/archives"));
  EXPECT_THAT(velo->ok("wal info").out, HasSubstr("off: made with --no-archive"));
  EXPECT_THAT(info("demo/quick").texts("/wal/0/windows"), IsEmpty());
  EXPECT_THAT(velo->ok("branch get demo/quick").out, HasSubstr("not kept"));
  velo->ok("branch reset demo/quick --force");
  EXPECT_EQ(velo->value("demo/quick", "SHOW archive_mode"), "off");
}

}  // namespace
}  // namespace velo::test

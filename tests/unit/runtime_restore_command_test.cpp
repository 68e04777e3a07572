// The shell form of restoring, by the shells and tools that images have, with a real feeder.
#include "runtime/restore_command.h"

#include <gtest/gtest.h>

#include <thread>

#include "archive/feeder.h"
#include "archive/store.h"
#include "base/process.h"
#include "postgres_scratch.h"
#include "support/environment.h"
#include "support/wait.h"
#include "support/wal_segment.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using test::make_segment;
using test::put;
using test::small_segment;
using test::text_of;

std::string segment(unsigned number) {
  return postgres::segment_name(1, number * small_segment, small_segment);
}

/// As PostgreSQL puts in what %f and %p stand for (src/common/archive.c).
std::string filled_in(const std::string& setting, const std::string& name) {
  std::string text;
  for (std::size_t i = 0; i < setting.size(); ++i) {
    if (setting[i] != '%') {
      text += setting[i];
      continue;
    }
    const char what = setting.at(++i);
    EXPECT_TRUE(what == 'p' || what == 'f' || what == '%') << what;
    text += what == 'p' ? "pg_wal/RECOVERYXLOG" : what == 'f' ? name : "%";
  }
  return text;
}

/// "dash" with the system's own tools; "busybox" with nothing but busybox.
class StagedRestoreCommand : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const bool busybox = GetParam() == "busybox";
    const fs::path program = busybox ? "/bin/busybox" : "/bin/dash";
    if (!path_exists(program)) {
      if (test::places_are_required()) FAIL() << program << " is missing";
      GTEST_SKIP() << program << " is missing";
    }
    shell_ = program;
    if (busybox) {
      const fs::path tools = scratch_ / "tools";
      fs::create_directory(tools);
      for (const char* tool : {"sh", "cat", "mv", "rm", "date", "sleep"}) {
        fs::create_symlink(program, tools / tool);
      }
      shell_ = tools / "sh";
      path_ = tools.string();
    }
    fs::create_directory(store_.directory());
    fs::create_directory(stage());
    fs::create_directories(scratch_ / "pg_wal");
    for (unsigned number = 1; number <= 12; ++number) {
      put(scratch_ / "made", make_segment(segment(number)));
      ASSERT_OK(store_.put(scratch_ / "made", segment(number)));
    }
  }
  void TearDown() override { stop_feeding(); }

  void feed() {
    auto feeder = archive::Feeder::open(stage(), {.segment_size = small_segment,
                                                  .sources = {{.kind = archive::SourceKind::archive,
                                                               .directory = store_.directory(),
                                                               .limit = {}}}});
    ASSERT_OK(feeder);
    thread_ = std::thread(
        [this, f = std::move(*feeder)]() mutable { EXPECT_TRUE(f.run(stop_).has_value()); });
  }
  void stop_feeding() {
    stop_.request();
    if (thread_.joinable()) thread_.join();
  }
  Outcome restore(const std::string& name, std::chrono::seconds patience = 60s) const {
    const Cancellation never;
    return velo::run({.argv = {shell_.string(), "-c",
                               filled_in(staged_restore_command(stage(), patience), name)},
                      .environment = {"PATH=" + path_},
                      .user = {},
                      .directory = scratch_.path(),
                      .input = {}},
                     2min, never)
        .value();
  }

  fs::path stage() const { return scratch_ / R"(it's "a" stage $HOME %p %%f `id` \)"; }
  fs::path target() const { return scratch_ / "pg_wal/RECOVERYXLOG"; }
  std::vector<std::string> staged() const { return list_directory(stage()).value(); }

  test::Scratch scratch_;
  archive::Store store_{scratch_ / "archive"};
  fs::path shell_;
  std::string path_ = "/usr/bin:/bin";
  Cancellation stop_;
  std::thread thread_;
};

TEST_P(StagedRestoreCommand, AWholeRecoveryIsServedInOrder) {
  feed();
  for (unsigned number = 1; number <= 12; ++number) {
    const Outcome ran = restore(segment(number));
    ASSERT_EQ(ran.exit_status, 0) << ran.err;
    EXPECT_EQ(ran.out + ran.err, "");
    EXPECT_TRUE(text_of(target()) == make_segment(segment(number))) << number;
  }
  EXPECT_EQ(restore(segment(13)).exit_status, 1);
  EXPECT_EQ(restore("00000002.history").exit_status, 1);
  stop_feeding();
  EXPECT_EQ(staged(), std::vector<std::string>{});
}

TEST_P(StagedRestoreCommand, DamageEndsPostgreSqlWithItsName) {
  put(store_.directory() / (segment(2) + ".zst"), "damaged");
  feed();
  EXPECT_EQ(restore(segment(1)).exit_status, 0);
  fs::remove(target());
  const Outcome ran = restore(segment(2));
  EXPECT_EQ(ran.exit_status, 126);
  EXPECT_NE(ran.err.find(segment(2) + ".zst is damaged"), std::string::npos) << ran.err;
  EXPECT_FALSE(path_exists(target()));
}

TEST_P(StagedRestoreCommand, WithoutAnAnswerItEndsPostgreSql) {
  const Outcome ran = restore(segment(1), 0s);
  EXPECT_EQ(ran.exit_status, 126);
  EXPECT_NE(ran.err.find("nobody answered"), std::string::npos) << ran.err;
  EXPECT_EQ(staged(), std::vector<std::string>{}) << "it asks no more";
}

TEST_P(StagedRestoreCommand, AnAnswerFromBeforeIsNone) {
  put(stage() / (segment(1) + ".none"), "");
  put(stage() / (segment(1) + ".error"), "of last time");
  EXPECT_EQ(restore(segment(1), 0s).exit_status, 126);
  feed();
  EXPECT_EQ(restore(segment(1)).exit_status, 0);
}

TEST_P(StagedRestoreCommand, WhatCannotBePutInItsPlaceEndsPostgreSql) {
  feed();
  fs::remove_all(scratch_ / "pg_wal");
  EXPECT_EQ(restore(segment(1)).exit_status, 126);
  stop_feeding();
  fs::remove_all(stage());
  EXPECT_EQ(restore(segment(1), 0s).exit_status, 126) << "the stage itself is gone";
}

TEST(RestoreCommand, QuotesWhatPostgreSqlAndTheShellWouldTakeApart) {
  EXPECT_EQ(
      restore_command("/opt/a velo's 100%", "/home/x/100%/lineage"),
      R"(exec '/opt/a velo'\''s 100%%' wal fetch --lineage '/home/x/100%%/lineage' '%f' '%p')");
}

INSTANTIATE_TEST_SUITE_P(Shells, StagedRestoreCommand, testing::Values("dash", "busybox"),
                         [](const auto& one) { return one.param; });

}  // namespace
}  // namespace velo::runtime

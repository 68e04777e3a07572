// Moments and the times of commits: where the server's clock was set back, at a commit's very time,
// and within one commit.
#include <gmock/gmock.h>

#include <fstream>
#include <thread>

#include "support/moment.h"
#include "support/odd_build.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using std::chrono::microseconds;
using testing::HasSubstr;

class RecoveryClock : public E2eTest {
 protected:
  void begin(const std::string& more = {}) const {
    velo->create_project("demo", more);
    velo->sql("demo/main").execute("CREATE TABLE t (i int)");
  }
  void add(int number) const {
    velo->sql("demo/main").execute("INSERT INTO t VALUES (" + std::to_string(number) + ")");
  }
  /// What the branch has of t as of then.
  std::string as_of(const std::string& more) const {
    velo->ok("branch create demo/then " + more);
    std::string seen =
        velo->value("demo/then", "SELECT string_agg(i::text, ',' ORDER BY i) FROM t");
    velo->ok("branch delete demo/then --now --force");
    return seen;
  }
  std::string as_of(Timestamp moment) const { return as_of("--pitr " + to_rfc3339(moment)); }
  /// When this row was committed, as the server has it.
  Timestamp committed(int number) const {
    return parse_rfc3339(
               velo->value("demo/main",
                           "SELECT to_char(pg_xact_commit_timestamp(xmin) AT TIME ZONE "
                           "'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM t WHERE i = " +
                               std::to_string(number)))
        .value();
  }
};

TEST_F(RecoveryClock, AMomentHoldsTheCommitsOfItsVeryMicrosecond) {
  begin(" --pg-conf track_commit_timestamp=on");
  for (const int number : {1, 2, 3}) {
    add(number);
    let_pass(std::chrono::milliseconds(2));
  }
  const Timestamp second = committed(2);
  const Timestamp third = committed(3);
  EXPECT_EQ(as_of(second), "1,2");
  EXPECT_EQ(as_of(second - microseconds(1)), "1");
  // Two moments between the same two commits are the same.
  EXPECT_EQ(as_of(second + microseconds(1)), "1,2");
  EXPECT_EQ(as_of(third - microseconds(1)), "1,2");
  EXPECT_EQ(as_of(third), "1,2,3");
}

TEST_F(RecoveryClock, MomentsWithinOneCommitHoldIt) {
  begin();
  add(1);
  const Timestamp before = now();
  // It is in the WAL, with its time, and waits for a standby that is not there.
  velo->sql("demo/main").execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
  velo->sql("demo/main").execute("SELECT pg_reload_conf()");
  std::thread writer([&] {
    Sql sql(velo->url("demo/main"));
    EXPECT_TRUE(sql.try_execute("INSERT INTO t VALUES (2)")) << sql.error();
  });
  Sql other = velo->sql("demo/main");
  other.execute("SET synchronous_commit = local");
  EXPECT_TRUE(wait_until([&] {
    return other.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") == "1";
  }));
  const Timestamp first = now();
  let_pass(std::chrono::milliseconds(2));
  const Timestamp second = now();
  let_pass(std::chrono::milliseconds(2));
  other.execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
  writer.join();  // its commit is told only now
  other.execute("ALTER SYSTEM RESET synchronous_standby_names");
  other.execute("SELECT pg_reload_conf()");
  add(3);
  EXPECT_EQ(as_of(before), "1");
  EXPECT_EQ(as_of(first), "1,2");
  EXPECT_EQ(as_of(second), "1,2");
}

/// The servers' clock is what a file says it is (libfaketime).
class ClockSetBack : public RecoveryClock {
 protected:
  void SetUp() override {
    RecoveryClock::set_up({.driver = "", .major = odd_major});
    if (IsSkipped()) return;
    fs::path library;
    for (const auto& entry : fs::directory_iterator("/usr/lib")) {
      const fs::path found = entry.path() / "faketime/libfaketime.so.1";
      if (fs::exists(found)) library = found;
    }
    if (library.empty()) {
      if (places_are_required()) FAIL() << "libfaketime is not installed";
      GTEST_SKIP() << "libfaketime is not installed";
    }
    clock_ = velo->home() / "postgres/clock";
    make_odd_build(velo->home(), "postgres",
                   "LD_PRELOAD=" + library.string() +
                       " FAKETIME_TIMESTAMP_FILE=" + clock_.string() +
                       " FAKETIME_NO_CACHE=1 DONT_FAKE_MONOTONIC=1 FAKETIME_DISABLE_SHM=1\n"
                       "export LD_PRELOAD FAKETIME_TIMESTAMP_FILE FAKETIME_NO_CACHE "
                       "DONT_FAKE_MONOTONIC FAKETIME_DISABLE_SHM\nexec \"$real\" \"$@\"");
    set_clock(0);
    begin();
  }
  void set_clock(int seconds) const {
    const fs::path next = clock_.string() + ".new";
    std::ofstream(next) << (seconds < 0 ? "" : "+") << seconds << "\n";
    fs::permissions(next, fs::perms(0644));
    fs::rename(next, clock_);
  }

 private:
  fs::path clock_;
};

// As docs/wal.md says: the first commit that is later by its own time ends the replay.
TEST_F(ClockSetBack, TheFirstCommitThatIsLaterEndsTheReplay) {
  add(1);
  const std::string first = moment_between();
  set_clock(3600);
  add(2);
  EXPECT_EQ(velo->value("demo/main", "SELECT now() > '" + first + "'::timestamptz + interval '1m'"),
            "t");
  set_clock(0);
  add(3);
  const std::string lsn = velo->value("demo/main", "SELECT pg_current_wal_lsn()");
  const std::string third = moment_between();
  add(4);
  EXPECT_EQ(as_of("--pitr " + first), "1");
  EXPECT_EQ(as_of("--pitr " + third), "1") << "2 is later, so 3 behind it is out";
  // What was told of positions does not ask for times.
  EXPECT_EQ(as_of("--lsn " + lsn), "1,2,3");
  EXPECT_EQ(as_of(""), "1,2,3,4");
}

}  // namespace
}  // namespace velo::test

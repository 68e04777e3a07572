#include "postgres/cluster.h"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

#include "base/process.h"
#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

using test::put;
using test::Scratch;

std::string pid_file(pid_t pid, const fs::path& pgdata) {
  return fmt::format("{}\n{}\n1760035221\n5433\n/run/x\n127.0.0.1\n  123456    0\nready   \n", pid,
                     pgdata.string());
}

TEST(PostgresCluster, ReadsAPostmasterPid) {
  const auto found = parse_postmaster_pid(pid_file(4711, "/data"));
  ASSERT_OK(found);
  EXPECT_EQ(found->pid, 4711);
  EXPECT_EQ(found->data_directory, "/data");
  EXPECT_EQ(found->started_at.time_since_epoch().count(), 1760035221);
  EXPECT_EQ(found->port, 5433);
  EXPECT_EQ(found->socket_directory, "/run/x");
  EXPECT_EQ(found->status, "ready");
}

TEST(PostgresCluster, LeavesOutWhatAPostmasterPidDoesNotHoldYet) {
  const auto found = parse_postmaster_pid("4711\n/data\n1760035221\n");
  ASSERT_OK(found);
  EXPECT_EQ(found->pid, 4711);
  EXPECT_EQ(found->port, 0);
  EXPECT_EQ(found->socket_directory, "");
  EXPECT_EQ(found->status, "");
}

TEST(PostgresCluster, TakesASingleUserServersPidAsPositive) {
  EXPECT_EQ(parse_postmaster_pid("-4711\n/data\n").value().pid, 4711);
}

TEST(PostgresCluster, RefusesAPostmasterPidWithoutAPid) {
  for (const char* text : {"", "\n", "x\n/data\n", "0\n/data\n", "12x\n", "-2147483648\n"}) {
    EXPECT_FALSE(parse_postmaster_pid(text).has_value()) << text;
  }
}

// Whoever is a superuser in a branch can write that file.
TEST(PostgresCluster, LeavesOutNumbersThatCannotBe) {
  for (const char* text : {"1\n/d\n9223372036854775807\n65536\n", "1\n/d\n-5\n-1\n",
                           "1\n/d\n253402300800\n99999999999\n"}) {
    const auto found = parse_postmaster_pid(text);
    ASSERT_OK(found);
    EXPECT_EQ(found->started_at.time_since_epoch().count(), 0) << text;
    EXPECT_EQ(found->port, 0) << text;
  }
}

class PostgresRunningServer : public testing::Test {
 protected:
  bool is_running() const {
    const auto server = running_server(pgdata.path());
    EXPECT_TRUE(server.has_value());
    return server && server->has_value();
  }
  Scratch pgdata;
};

TEST_F(PostgresRunningServer, IsNoneWithoutAPidFile) {
  EXPECT_FALSE(is_running());
}

TEST_F(PostgresRunningServer, IsNoneWithADamagedPidFile) {
  put(pgdata / "postmaster.pid", "");
  EXPECT_FALSE(is_running());
}

TEST_F(PostgresRunningServer, IsNoneWhenTheProcessWorksElsewhere) {
  put(pgdata / "postmaster.pid", pid_file(::getpid(), pgdata.path()));
  EXPECT_FALSE(is_running());
}

TEST_F(PostgresRunningServer, IsTheProcessThatWorksInTheDirectory) {
  const Fd nothing = open_file("/dev/null", O_RDWR).value();
  const Process process = start_detached({.argv = {"/bin/sleep", "60"},
                                          .environment = clean_environment(),
                                          .directory = pgdata.path()},
                                         nothing.get())
                              .value();
  put(pgdata / "postmaster.pid", pid_file(process.pid(), pgdata.path()));
  EXPECT_TRUE(is_running());
  ASSERT_OK(process.signal(SIGKILL));
  ASSERT_TRUE(process.wait(std::chrono::seconds(10)).value());
  EXPECT_FALSE(is_running());
}

std::string control_bytes(std::uint32_t version, std::uint32_t state,
                          std::uint32_t segment_size = 64U << 20U) {
  std::string bytes(8192, '\0');
  const std::uint64_t identifier = 7'555'000'111'222'333'444;
  const std::uint64_t checkpoint = 0x16B374D848;
  std::memcpy(bytes.data(), &identifier, sizeof identifier);
  std::memcpy(bytes.data() + 8, &version, sizeof version);
  std::memcpy(bytes.data() + 16, &state, sizeof state);
  const std::uint64_t redo = 0x16B374D810;
  const std::uint32_t timeline = 7;
  std::memcpy(bytes.data() + 32, &checkpoint, sizeof checkpoint);
  std::memcpy(bytes.data() + 40, &redo, sizeof redo);
  std::memcpy(bytes.data() + 48, &timeline, sizeof timeline);
  std::memcpy(bytes.data() + 228, &segment_size, sizeof segment_size);
  return bytes;
}

TEST(PostgresControlFile, ReadsItsLeadingFields) {
  const auto control = parse_control_file(control_bytes(1700, 6));
  ASSERT_OK(control);
  EXPECT_EQ(control->system_identifier, 7'555'000'111'222'333'444U);
  EXPECT_EQ(control->control_version, 1700U);
  EXPECT_EQ(control->state, ClusterState::in_production);
  EXPECT_EQ(control->checkpoint_lsn, 0x16B374D848U);
  EXPECT_EQ(control->redo_lsn, 0x16B374D810U);
  EXPECT_EQ(control->timeline, 7U);
  EXPECT_EQ(control->segment_size, 64U << 20U);
}

TEST(PostgresControlFile, RefusesWhatItCannotBe) {
  EXPECT_FALSE(parse_control_file("short").has_value());
  EXPECT_FALSE(parse_control_file(control_bytes(1700, 7)).has_value());
  EXPECT_FALSE(parse_control_file(control_bytes(1700, 6, 3)).has_value());
  EXPECT_EQ(parse_control_file(control_bytes(942, 1)).error().code, Errc::unsupported);
  EXPECT_EQ(parse_control_file(control_bytes(0x14050000, 1)).error().code, Errc::unsupported);
}

TEST(PostgresCluster, ReadsTheMajorVersion) {
  const Scratch pgdata;
  put(pgdata / "PG_VERSION", "17\n");
  EXPECT_EQ(read_major(pgdata.path()).value(), 17);
  put(pgdata / "PG_VERSION", "9.6\n");
  EXPECT_FALSE(read_major(pgdata.path()).has_value());
}

}  // namespace
}  // namespace velo::postgres

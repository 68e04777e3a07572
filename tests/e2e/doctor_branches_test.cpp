// `velo doctor` on branches: one test for each way in which a volume, a server, a port or a
// configuration can be broken.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "base/fd.h"
#include "base/os_user.h"
#include "doctor_fixture.h"
#include "postgres/hba.h"

namespace velo::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using DoctorOfBranches = DoctorTest;

TEST_F(DoctorOfBranches, AMissingVolumeIsToldAndLeft) {
  velo->ok("branch stop demo/dev");
  fs::rename(volume("demo-dev"), velo->pool() / "away");
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("branch.volume").level, "error");
  EXPECT_EQ(found.line("branch.volume").subject, "demo/dev");
  EXPECT_THAT(found.line("branch.volume").hint, HasSubstr("velo branch reset demo/dev"));
  EXPECT_FALSE(found.line("branch.volume").fixable);
  EXPECT_THAT(found.repaired, IsEmpty());
  fs::rename(velo->pool() / "away", volume("demo-dev"));
  expect_well();
}

TEST_F(DoctorOfBranches, TheHintForAMissingVolumeWorks) {
  velo->ok("branch stop demo/dev");
  fs::rename(volume("demo-dev"), velo->pool() / "away");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(DoctorOfBranches, AMarkOfAnotherHomeOrLifeIsToldAndLeft) {
  const fs::path file = volume("demo-dev") / "velo.json";
  const std::string own = text_of(file);
  const std::string home_id = Json::parse(own).text("/home_id");
  const std::string incarnation = Json::parse(own).text("/incarnation_id");
  overwrite(file, with(own, home_id, "feedfeedfeedfeed"));
  Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("branch.mark").level, "error");
  EXPECT_THAT(found.line("branch.mark").text, HasSubstr("feedfeedfeedfeed"));
  EXPECT_THAT(found.repaired, IsEmpty());
  overwrite(file, with(own, incarnation, "feedfeedfeedfeed"));
  found = doctor(*velo);
  EXPECT_THAT(found.line("branch.mark").text, HasSubstr("another branch or life"));
  overwrite(file, own);
  expect_well();
}

TEST_F(DoctorOfBranches, AVolumeWithoutARecordIsToldAndNeverDeleted) {
  const std::string own = text_of(volume("demo-dev") / "velo.json");
  const std::string incarnation = Json::parse(own).text("/incarnation_id");
  fs::create_directories(volume("demo-lost") / "fs");
  overwrite(volume("demo-lost") / "velo.json", with(own, incarnation, "feedfeedfeedfeed"));
  // Another home's is none of this one's business.
  fs::create_directories(volume("theirs") / "fs");
  overwrite(volume("theirs") / "velo.json",
            with(own, Json::parse(own).text("/home_id"), "feedfeedfeedfeed"));

  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.ran.exit_status, 0) << "nothing is broken by it";
  EXPECT_EQ(found.troubles().size(), 1U) << found.ran.all();
  EXPECT_EQ(found.line("orphan.volume").level, "warning");
  EXPECT_THAT(found.line("orphan.volume").text, HasSubstr("demo-lost"));
  EXPECT_THAT(found.repaired, IsEmpty());
  EXPECT_TRUE(fs::exists(volume("demo-lost") / "fs"));
  fs::remove_all(volume("demo-lost"));
  fs::remove_all(volume("theirs"));
  expect_well();
}

TEST_F(DoctorOfBranches, AKilledServerIsStartedAgain) {
  velo->kill_server("demo/dev");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("branch.server_down").level, "error");
  EXPECT_THAT(found.line("branch.server_down").hint, HasSubstr("velo branch start demo/dev"));
  EXPECT_TRUE(found.has("branch.pid_file"));

  const Examination fixed = doctor(*velo, {"--fix"});
  EXPECT_THAT(fixed.troubles(), IsEmpty());
  EXPECT_THAT(fixed.repaired, testing::Contains("started demo/dev"));
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
  expect_the_rest_untouched();
}

TEST_F(DoctorOfBranches, AStalePidFileOfAStoppedBranchIsCleared) {
  velo->kill_server("demo/dev");
  const std::string pid_file = text_of(velo->data_directory("demo/dev") / "postmaster.pid");
  velo->ok("branch stop demo/dev");
  const fs::path path = velo->data_directory("demo/dev") / "postmaster.pid";
  if (!fs::exists(path)) overwrite(path, pid_file);
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.ran.exit_status, 0);
  EXPECT_EQ(found.line("branch.pid_file").level, "warning");
  EXPECT_THAT(doctor(*velo, {"--fix"}).troubles(), IsEmpty());
  EXPECT_FALSE(fs::exists(path));
  EXPECT_EQ(velo->state("demo/dev"), "stopped") << "a stopped branch stays so";
}

TEST_F(DoctorOfBranches, AServerThatHangsIsToldInBoundedTime) {
  const int pid = velo->pid("demo/dev");
  ::kill(pid, SIGSTOP);
  const Examination found = doctor(*velo);
  ::kill(pid, SIGCONT);
  EXPECT_EQ(found.line("branch.answer").level, "error");
  EXPECT_EQ(found.line("branch.answer").subject, "demo/dev");
  expect_well();
}

/// A socket of this test's that listens.
Fd listen_on(int port) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  EXPECT_EQ(::listen(fd.get(), 1), 0);
  return fd;
}

TEST_F(DoctorOfBranches, APortThatAnotherProgramTookIsToldWithItsName) {
  const int port = velo->port("demo/dev");
  velo->kill_server("demo/dev");
  {
    const Fd taken = listen_on(port);
    const Examination found = doctor(*velo, {"--fix"});
    EXPECT_EQ(found.line("branch.port").level, "error");
    EXPECT_THAT(found.line("branch.port").text,
                HasSubstr("(pid " + std::to_string(::getpid()) + ")"));
    EXPECT_THAT(found.not_repaired, ElementsAre("started demo/dev"));
    velo->ok("branch stop demo/dev");
    EXPECT_EQ(doctor(*velo).line("branch.port").level, "warning") << "it need not run";
  }
  velo->ok("branch start demo/dev");
  expect_well();
}

TEST_F(DoctorOfBranches, AnEditedHbaFileGetsVelosLinesBack) {
  const fs::path file = velo->data_directory("demo/dev") / "pg_hba.conf";
  overwrite(file, "host all all all scram-sha-256\n");
  ::kill(velo->pid("demo/dev"), SIGHUP);
  Examination found = doctor(*velo);
  wait_until([&] { return (found = doctor(*velo)).has("branch.way_in"); });
  EXPECT_EQ(found.line("branch.way_in").level, "warning");
  EXPECT_THAT(doctor(*velo, {"--fix"}).troubles(), IsEmpty());
  EXPECT_THAT(text_of(file), HasSubstr("velo_control"));
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(DoctorOfBranches, AClosedGateIsOpened) {
  const fs::path pgdata = velo->data_directory("demo/dev");
  {
    const ActAs as(server_user());
    ASSERT_TRUE(postgres::close_gate(pgdata));
  }
  ::kill(velo->pid("demo/dev"), SIGHUP);
  EXPECT_EQ(doctor(*velo).line("branch.gate").level, "error");
  EXPECT_THAT(doctor(*velo, {"--fix"}).troubles(), IsEmpty());
  EXPECT_TRUE(wait_until([&] { return Sql(velo->url("demo/dev")).connected(); }));
}

TEST_F(DoctorOfBranches, ConfigurationThatSomebodyEditedIsToldByName) {
  velo->ok("branch create demo/set --pg-conf work_mem=64MB");
  const fs::path file = velo->data_directory("demo/set") / "velo.conf";
  overwrite(file, with(text_of(file), "64MB", "32MB"));
  velo->sql("demo/dev").execute("ALTER SYSTEM SET max_connections = 77");
  velo->sql("demo/dev").execute("SELECT pg_reload_conf()");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.ran.exit_status, 0);
  EXPECT_EQ(found.line("branch.drift").subject, "demo/set");
  EXPECT_THAT(found.line("branch.drift").text, HasSubstr("work_mem"));
}

TEST_F(DoctorOfBranches, ASuperuserThatWasRenamedIsTold) {
  Sql session = velo->sql("demo/dev");
  session.execute("CREATE ROLE other SUPERUSER");
  session.execute("SET SESSION AUTHORIZATION other");
  session.execute("ALTER ROLE postgres RENAME TO boss");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("branch.superuser").level, "warning");
  EXPECT_THAT(found.line("branch.superuser").text, HasSubstr("boss"));
  velo->ok("branch restart demo/dev");  // as the hint says
  expect_well();
}

TEST_F(DoctorOfBranches, ACollationThatChangedIsToldWithTheCure) {
  velo->sql("demo/dev")
      .execute("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'postgres'");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("branch.collation").level, "warning");
  EXPECT_THAT(found.line("branch.collation").hint, HasSubstr("REFRESH COLLATION VERSION"));
}

TEST_F(DoctorOfBranches, KeptVolumesAreToldAndMissingOnesToo) {
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(doctor(*velo).line("state.kept").level, "info");
  fs::rename(volume("demo-dev"), velo->pool() / "away");
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.line("state.kept").text, HasSubstr("cannot be had back"));
  EXPECT_EQ(found.line("state.kept").level, "warning");
  fs::rename(velo->pool() / "away", volume("demo-dev"));
}

class DoctorOnABuild : public DoctorTest {
 protected:
  void SetUp() override {
    set_up({.driver = {}, .major = 17});
    if (velo) make();
  }
};

TEST_F(DoctorOnABuild, AMissingBuildIsToldWithWhoNeedsIt) {
  const fs::path build = velo->home() / "postgres/17";
  ASSERT_TRUE(fs::is_symlink(build)) << "17 is installed here: the test needs an unpacked one";
  fs::rename(build, velo->home() / "build-away");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("versions.needed").level, "error");
  EXPECT_THAT(found.line("versions.needed").text, HasSubstr("demo/main and demo/dev"));
  fs::rename(velo->home() / "build-away", build);
  expect_well();
}

}  // namespace
}  // namespace velo::test

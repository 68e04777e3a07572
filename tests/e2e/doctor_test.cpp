// `velo doctor`: nothing to say of a healthy home, and one test for each thing that can be broken:
// the line, the exit code, what --fix does about it, and that it touches nothing else.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>

#include "base/crypto.h"
#include "base/fd.h"
#include "base/files.h"
#include "postgres/certificate.h"
#include "postgres/hba.h"
#include "support/doctor.h"
#include "support/small_pool.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status.st_mode & 0777U;
}

/// Writes into a file that stays the same file, of the same owner and mode.
void overwrite(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc) << text;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from << " is not in\n" << text;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

/// A project with main and dev, both running.
class Doctor : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    make();
  }
  void make() {
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS x");
    velo->ok("branch create demo/dev");
    main_pid = velo->pid("demo/main");
  }
  fs::path volume(const std::string& name) const { return velo->volumes() / name; }
  fs::path tls() const {
    for (const auto& entry : fs::directory_iterator(velo->home() / "tls")) return entry.path();
    return {};
  }

  void expect_well() const { EXPECT_THAT(doctor(*velo).troubles(), IsEmpty()); }
  /// What no repair may change.
  void expect_the_rest_untouched() const {
    EXPECT_EQ(velo->pid("demo/main"), main_pid);
    EXPECT_EQ(velo->value("demo/main", "SELECT x FROM t"), "1");
    EXPECT_EQ(velo->volume_names(), (std::vector<std::string>{"demo-dev", "demo-main"}));
  }

  int main_pid = 0;
};

TEST_F(Doctor, HasNothingToSayOfAHealthyHome) {
  velo->ok("branch create demo/off");
  velo->ok("branch stop demo/off");
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.troubles(), IsEmpty());
  std::vector<std::string> branches;
  for (const Line& line : found.lines) {
    if (line.code == "branch") branches.push_back(line.level + " " + line.subject);
  }
  EXPECT_THAT(branches, ElementsAre("ok demo/main", "ok demo/dev", "ok demo/off"));
  for (const char* code : {"system.velo", "system.kernel", "storage.driver", "storage.pool",
                           "runtime.serves", "versions.builds", "permissions.home", "state.catalog",
                           "state.key", "state.operation", "state.certificate"}) {
    EXPECT_TRUE(found.has(code)) << code;
  }
  const Ran shown = velo->run("doctor");
  for (const char* title : {"System\n", "Storage\n", "Runtime\n", "PostgreSQL versions\n",
                            "Permissions\n", "State\n", "Branches\n"}) {
    EXPECT_THAT(shown.out, HasSubstr(title));
  }
  EXPECT_THAT(shown.out, HasSubstr("✓ demo/dev: runs on port"));
}

TEST_F(Doctor, AsksNothingOfAHomeThatIsNotThereAndMakesNone) {
  const fs::path home = velo->home() / "none";
  velo->set("VELO_HOME=" + home.string());
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.troubles(), IsEmpty());
  EXPECT_EQ(found.line("permissions.home").level, "info");
  doctor(*velo, {"--fix"});
  EXPECT_FALSE(fs::exists(home));
}

TEST_F(Doctor, ChangesNothingWithoutFix) {
  fs::permissions(velo->home() / "logs", fs::perms(0755));
  velo->kill_server("demo/dev");
  fs::create_directory(velo->home() / "run/0123456789abcdef");
  doctor(*velo);
  EXPECT_EQ(mode_of(velo->home() / "logs"), 0755U);
  EXPECT_TRUE(fs::exists(velo->home() / "run/0123456789abcdef"));
  EXPECT_EQ(velo->pid("demo/dev"), 0);
}

TEST_F(Doctor, WrongModesAreSetRight) {
  const mode_t of_home = ::geteuid() == 0 ? 0711U : 0700U;
  fs::permissions(velo->home(), fs::perms(0755));
  fs::permissions(velo->home() / "private/key", fs::perms(0644));
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.ran.exit_status, 1);
  EXPECT_EQ(found.line("permissions.mode").subject, velo->home().string());
  EXPECT_THAT(found.line("permissions.mode").hint, HasSubstr("chmod"));
  EXPECT_TRUE(found.has("branch")) << "the branches are looked at all the same";

  const Examination fixed = doctor(*velo, {"--fix"});
  EXPECT_EQ(fixed.repaired.size(), 2U) << fixed.ran.all();
  EXPECT_THAT(fixed.troubles(), IsEmpty());
  EXPECT_EQ(mode_of(velo->home()), of_home);
  EXPECT_EQ(mode_of(velo->home() / "private/key"), 0600U);
  expect_the_rest_untouched();
}

TEST_F(Doctor, AHomeThatServersCannotPassThroughIsOpened) {
  if (::geteuid() != 0) GTEST_SKIP() << "an ordinary user's servers are that user's";
  fs::permissions(velo->home() / "run", fs::perms(0700));
  EXPECT_THAT(doctor(*velo).line("permissions.mode").text, HasSubstr("closed too far"));
  doctor(*velo, {"--fix"});
  EXPECT_EQ(mode_of(velo->home() / "run"), 0711U);
  expect_well();
}

TEST_F(Doctor, AMissingVolumeIsToldAndLeft) {
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

TEST_F(Doctor, TheHintForAMissingVolumeWorks) {
  velo->ok("branch stop demo/dev");
  fs::rename(volume("demo-dev"), velo->pool() / "away");
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch start demo/dev");
  EXPECT_EQ(velo->value("demo/dev", "SELECT x FROM t"), "1");
}

TEST_F(Doctor, AMarkOfAnotherHomeOrLifeIsToldAndLeft) {
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

TEST_F(Doctor, AVolumeWithoutARecordIsToldAndNeverDeleted) {
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

TEST_F(Doctor, ARunDirectoryOfNoBranchIsRemoved) {
  const fs::path run = velo->home() / "run";
  fs::create_directory(run / "0123456789abcdef");
  fs::permissions(run / "0123456789abcdef", fs::perms(0700));
  std::ofstream(run / "0123456789abcdef/.s.PGSQL.5432.lock") << "999999999\n";
  EXPECT_EQ(doctor(*velo).line("orphan.run_directory").level, "warning");
  // One in which a server has its socket stays.
  fs::create_directory(run / "fedcba9876543210");
  fs::permissions(run / "fedcba9876543210", fs::perms(0700));
  std::ofstream(run / "fedcba9876543210/.s.PGSQL.5432.lock") << ::getpid() << "\n";

  const Examination fixed = doctor(*velo, {"--fix"});
  EXPECT_EQ(fixed.repaired.size(), 1U);
  EXPECT_FALSE(fs::exists(run / "0123456789abcdef"));
  EXPECT_TRUE(fs::exists(run / "fedcba9876543210"));
  EXPECT_THAT(fixed.line("orphan.run_directory").text, HasSubstr("fedcba9876543210"));
  fs::remove_all(run / "fedcba9876543210");
  expect_well();
  expect_the_rest_untouched();
}

TEST_F(Doctor, LogsAndCertificatesOfNobodyAreToldAndLeft) {
  std::ofstream(velo->home() / "logs/0123456789abcdef.log") << "words";
  fs::create_directory(velo->home() / "tls/0123456789abcdef");
  fs::permissions(velo->home() / "tls/0123456789abcdef", fs::perms(0700));
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("orphan.log").level, "info");
  EXPECT_EQ(found.line("orphan.certificate").level, "warning");
  EXPECT_TRUE(fs::exists(velo->home() / "logs/0123456789abcdef.log"));
  EXPECT_TRUE(fs::exists(velo->home() / "tls/0123456789abcdef"));
}

TEST_F(Doctor, AKilledServerIsStartedAgain) {
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

TEST_F(Doctor, AStalePidFileOfAStoppedBranchIsCleared) {
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

TEST_F(Doctor, AServerThatHangsIsToldInBoundedTime) {
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

TEST_F(Doctor, APortThatAnotherProgramTookIsToldWithItsName) {
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

TEST_F(Doctor, ACertificateAboutToExpireIsRenewedAndServersTakeIt) {
  const std::string before = velo->value("demo/dev", "SELECT pg_conf_load_time()::text");
  for (const auto& [days, level] : {std::pair(5, "warning"), std::pair(-1, "error")}) {
    const auto made = postgres::make_certificate("velo demo", std::chrono::days(days)).value();
    overwrite(tls() / "server.crt", made.certificate_pem);
    overwrite(tls() / "server.key", made.key_pem);
    EXPECT_EQ(doctor(*velo).line("state.certificate").level, level);
    EXPECT_THAT(doctor(*velo, {"--fix"}).troubles(), IsEmpty());
    EXPECT_GT(postgres::expiry_of(text_of(tls() / "server.crt")).value(),
              now() + std::chrono::days(365));
  }
  EXPECT_NE(velo->value("demo/dev", "SELECT pg_conf_load_time()::text"), before);
  EXPECT_TRUE(wait_until([&] {
    Sql sql(velo->url("demo/dev") +
            "?sslmode=verify-ca&sslrootcert=" + (tls() / "server.crt").string());
    return sql.connected();
  })) << "the server does not show the certificate that the file has";
  velo->ok("branch restart demo/dev");  // the files are the servers' user's again
  expect_the_rest_untouched();
}

TEST_F(Doctor, ADamagedCatalogIsToldAndTheServersGoOn) {
  const fs::path database = velo->home() / "private/state.db";
  const std::string url = velo->url("demo/dev");
  const fs::path copies = velo->home() / "copies";
  fs::create_directory(copies);
  for (const char* more : {"", "-wal"}) {
    const fs::path file = database.string() + more;
    if (fs::exists(file)) fs::copy_file(file, copies / file.filename());
  }
  overwrite(database, std::string(8192, 'x'));
  overwrite(database.string() + "-wal", "");
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.ran.exit_status, 1);
  EXPECT_EQ(found.line("state.catalog").level, "error");
  EXPECT_THAT(found.line("state.catalog").hint, HasSubstr("backup"));
  EXPECT_EQ(found.line("branch.none").level, "info");
  EXPECT_EQ(text_of(database), std::string(8192, 'x')) << "evidence was changed";
  EXPECT_EQ(Sql(url).value("SELECT x FROM t"), "1");

  fs::remove(database);
  fs::remove(database.string() + "-wal");
  fs::remove(database.string() + "-shm");
  const Examination gone = doctor(*velo, {"--fix"});
  EXPECT_EQ(gone.line("state.catalog").level, "error");
  EXPECT_FALSE(fs::exists(database)) << "an empty catalog would look like a healthy one";
  for (const auto& copy : fs::directory_iterator(copies)) {
    fs::copy_file(copy.path(), velo->home() / "private" / copy.path().filename());
    fs::permissions(velo->home() / "private" / copy.path().filename(), fs::perms(0600));
  }
  expect_well();
}

TEST_F(Doctor, AMissingKeyIsTold) {
  const fs::path key = velo->home() / "private/key";
  fs::rename(key, velo->home() / "key-away");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("state.key").level, "error");
  EXPECT_FALSE(fs::exists(key)) << "another key would give other passwords";
  fs::rename(velo->home() / "key-away", key);
  expect_well();
}

TEST_F(Doctor, AnInterruptedOperationIsEnded) {
  velo->use_binary("velo-faults");
  velo->run(words("branch create demo/next"), {"VELO_FAULT=branch.create/clone/done=kill"});
  velo->use_binary("velo");
  EXPECT_EQ(velo->volume_names().size(), 3U);
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.ran.exit_status, 0);
  EXPECT_EQ(found.line("state.operation").level, "warning");
  EXPECT_FALSE(found.has("orphan.volume")) << "its plan knows the volume";
  EXPECT_THAT(doctor(*velo, {"--fix"}).troubles(), IsEmpty());
  expect_the_rest_untouched();
}

TEST_F(Doctor, AnOperationThatRunsIsNoTrouble) {
  const fs::path gate = velo->home() / "gate-of-the-test";
  std::ofstream(gate) << "";
  velo->set("VELO_FAULT=branch.create/clone/done=wait");
  velo->set("VELO_FAULT_GATE=" + gate.string());
  velo->use_binary("velo-faults");
  auto creating = velo->start("branch create demo/next");
  EXPECT_TRUE(wait_until([&] { return velo->volume_names().size() == 3; }));
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.troubles(), IsEmpty());
  EXPECT_EQ(found.line("state.operation").level, "info");
  fs::remove(gate);
  EXPECT_EQ(creating.get().exit_status, 0);
}

TEST_F(Doctor, AnEditedHbaFileGetsVelosLinesBack) {
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

TEST_F(Doctor, AClosedGateIsOpened) {
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

TEST_F(Doctor, ConfigurationThatSomebodyEditedIsToldByName) {
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

TEST_F(Doctor, ASuperuserThatWasRenamedIsTold) {
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

TEST_F(Doctor, ACollationThatChangedIsToldWithTheCure) {
  velo->sql("demo/dev")
      .execute("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'postgres'");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("branch.collation").level, "warning");
  EXPECT_THAT(found.line("branch.collation").hint, HasSubstr("REFRESH COLLATION VERSION"));
}

TEST_F(Doctor, ADaemonThatIsDeadOrHangsIsNothingToProcesses) {
  EXPECT_EQ(doctor(*velo).line("runtime.serves").level, "info") << "nobody listens";
  const fs::path path = velo->home() / "daemon.sock";
  const Fd daemon(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.string().copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(daemon.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(daemon.get(), 8), 0);
  velo->set("DOCKER_HOST=unix://" + path.string());
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.line("runtime.serves").text, HasSubstr("does not answer within"));
  EXPECT_THAT(found.troubles(), IsEmpty());
}

TEST_F(Doctor, ABugReportHoldsNoSecrets) {
  velo->set("DOCKER_HOST=tcp://ann:hunter2@127.0.0.1:1");
  velo->ok("branch create demo/set --pg-conf application_name=open-sesame");
  const fs::path conf = velo->data_directory("demo/set") / "velo.conf";
  overwrite(conf, with(text_of(conf), "open-sesame", "open-barley"));
  velo->use_binary("velo-faults");
  velo->run({"branch", "create", "demo/next", "--pg-conf", "application_name=open-sesame"},
            {"VELO_FAULT=branch.create/clone/done=kill"});
  velo->use_binary("velo");
  velo->kill_server("demo/dev");
  const std::string report = doctor(*velo).ran.out;
  EXPECT_THAT(report, HasSubstr("tcp://ann:***@127.0.0.1:1"));
  std::vector<std::string> secrets{"hunter2", "open-sesame", "open-barley", "PRIVATE KEY",
                                   "SCRAM-SHA-256$"};
  for (const char* branch : {"demo/main", "demo/dev", "demo/set"}) {
    secrets.push_back(
        velo->json(std::string("branch password ") + branch).text("/connection/password"));
  }
  const std::string key = text_of(velo->home() / "private/key");
  secrets.push_back(to_hex(key));
  secrets.push_back(to_base64(key));
  for (const std::string& secret : secrets) {
    ASSERT_FALSE(secret.empty());
    EXPECT_EQ(report.find(secret), std::string::npos) << secret << " is in\n" << report;
  }
  const Ran fixed = velo->run("doctor --fix --json");
  for (const std::string& secret : secrets) {
    EXPECT_EQ(fixed.out.find(secret), std::string::npos) << secret << " is in\n" << fixed.out;
  }
}

TEST_F(Doctor, KeptVolumesAreToldAndMissingOnesToo) {
  velo->ok("branch delete demo/dev");
  EXPECT_EQ(doctor(*velo).line("state.kept").level, "info");
  fs::rename(volume("demo-dev"), velo->pool() / "away");
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.line("state.kept").text, HasSubstr("cannot be had back"));
  EXPECT_EQ(found.line("state.kept").level, "warning");
  fs::rename(velo->pool() / "away", volume("demo-dev"));
}

class DoctorOnABuild : public Doctor {
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

class DoctorOnAPool : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "mounting a file system needs root; lane e2e is root's";
    pool = std::make_unique<SmallPool>("ext4");
    velo = std::make_unique<Velo>();
    velo->ok({"project", "create", "demo", "--pool", pool->place().string()});
  }
  void TearDown() override { pool.reset(); }

  std::unique_ptr<SmallPool> pool;
  std::unique_ptr<Velo> velo;
};

TEST_F(DoctorOnAPool, WarnsAboveEightyPercentAndFailsBelowTheGuard) {
  const std::uint64_t size = velo::space_of(pool->place())->size;
  EXPECT_EQ(doctor(*velo).line("storage.space").level, "ok");
  pool->fill_up_to(size * 15 / 100);
  Examination found = doctor(*velo);
  EXPECT_EQ(found.line("storage.space").level, "warning");
  EXPECT_EQ(found.ran.exit_status, 0);
  pool->fill_up_to(size * 3 / 100);
  found = doctor(*velo);
  EXPECT_EQ(found.line("storage.space").level, "error");
  EXPECT_THAT(found.line("storage.space").text, HasSubstr("creates are refused"));
  pool->empty();
  EXPECT_TRUE(wait_until([&] { return doctor(*velo).line("storage.space").level == "ok"; }));
}

TEST_F(DoctorOnAPool, TellsOneThatIsReadOnlyOrGone) {
  velo->ok("branch stop demo/main");
  pool->remount("ro");
  EXPECT_EQ(doctor(*velo).line("storage.pool").level, "error");
  pool->remount("rw");
  pool->unmount();
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("branch.volume").level, "error");
  EXPECT_THAT(found.repaired, IsEmpty());
}

}  // namespace
}  // namespace velo::test

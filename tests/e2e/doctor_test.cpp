// `velo doctor`: nothing to say of a healthy home, and one test for each thing of the home, the
// state or the machine that can be broken: the line, the exit code, what --fix does about it, and
// that it touches nothing else.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/fd.h"
#include "base/files.h"
#include "doctor_fixture.h"
#include "postgres/certificate.h"
#include "support/small_pool.h"

namespace velo::test {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

using Doctor = DoctorTest;

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
  for (const char* code : {"system.velo", "system.kernel", "system.limit", "storage.driver",
                           "storage.pool", "runtime.serves", "versions.builds", "permissions.home",
                           "state.catalog", "state.key", "state.operation", "state.certificate"}) {
    EXPECT_TRUE(found.has(code)) << code;
  }
  EXPECT_THAT(found.line("system.limit").text,
              AllOf(HasSubstr("beside the 2 that should run"), HasSubstr("kernel.shmmni (")));
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

TEST_F(Doctor, AnArchiveOfNobodyIsToldWithItsSizeAndLeft) {
  const fs::path archive = velo->home() / "wal-archive/0123456789abcdef";
  fs::create_directories(archive);
  std::ofstream(archive / "000000010000000000000001") << std::string(2U << 20U, 'x');
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("orphan.archive").level, "warning");
  EXPECT_EQ(found.line("orphan.archive").subject, archive.string());
  EXPECT_THAT(found.line("orphan.archive").text, HasSubstr("2.00 MB"));
  EXPECT_THAT(found.line("orphan.archive").hint, HasSubstr("rm -r " + archive.string()));
  EXPECT_TRUE(fs::exists(archive));
  fs::remove_all(archive);
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
    const Sql sql(velo->url("demo/dev") +
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
  velo->ok("branch create demo/old");
  velo->ok("branch delete demo/old");
  velo->ok("branch stop demo/main");
  pool->remount("ro");
  EXPECT_EQ(doctor(*velo).line("storage.pool").level, "error");
  pool->remount("rw");
  pool->unmount();
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("branch.away").level, "error");
  EXPECT_THAT(found.line("branch.away").text, HasSubstr("cannot be told"));
  EXPECT_THAT(found.line("branch.away").hint, HasSubstr("/etc/fstab"));
  EXPECT_EQ(found.line("state.away").level, "warning");
  expect_nothing_called_lost(found);
  EXPECT_THAT(found.repaired, IsEmpty());
}

}  // namespace
}  // namespace velo::test

// Who gets in, and where a password is not.
#include <sys/stat.h>

#include <fstream>
#include <set>

#include "support/sockets.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class Security : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo", "--pg-conf log_statement=all");
    velo->ok("branch create demo/dev");
  }
  std::string password(const std::string& branch) {
    return velo->json("branch password " + branch).text("/connection/password");
  }
  /// The URL of a branch with another password.
  std::string url_with(const std::string& branch, const std::string& other) {
    std::string url = velo->url(branch);
    const std::string own = password(branch);
    return url.replace(url.find(own), own.size(), other);
  }
};

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

mode_t mode_of(const fs::path& path) {
  struct stat status{};
  EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
  return status.st_mode & 07777U;
}

// Defect 20, in its parts.
TEST_F(Security, ServersListenOnLoopbackOnly) {
  for (const char* branch : {"demo/main", "demo/dev"}) {
    EXPECT_EQ(listening_addresses(velo->port(branch)), (std::set<std::string>{"0100007F"}));
  }
}

TEST_F(Security, EachBranchHasItsOwnPassword) {
  const std::string main = password("demo/main");
  const std::string dev = password("demo/dev");
  EXPECT_NE(main, dev);
  EXPECT_GE(main.size(), 20U);
  EXPECT_TRUE(Sql(url_with("demo/dev", dev)).connected());
  EXPECT_FALSE(Sql(url_with("demo/dev", main)).connected()) << "the parent's password works";
  EXPECT_FALSE(Sql(url_with("demo/main", dev)).connected());
  EXPECT_FALSE(Sql(url_with("demo/dev", "postgres")).connected());
  EXPECT_FALSE(Sql(url_with("demo/dev", "")).connected());
}

TEST_F(Security, NoPasswordIsStoredOrShown) {
  const std::vector<std::string> passwords = {password("demo/main"), password("demo/dev")};
  velo->ok("branch reset demo/dev --force");
  velo->ok("branch restart demo/main");
  const auto expect_clean = [&](const std::string& text, const std::string& where) {
    for (const std::string& secret : passwords) {
      EXPECT_EQ(text.find(secret), std::string::npos) << where;
    }
  };
  for (const auto& entry : fs::recursive_directory_iterator(velo->home())) {
    if (entry.is_regular_file()) expect_clean(content_of(entry.path()), entry.path());
  }
  for (const Server& server : servers_below(velo->volumes())) {
    for (const char* name : {"postgresql.conf", "postgresql.auto.conf", "velo.conf", "pg_hba.conf",
                             "postmaster.opts", "postmaster.pid"}) {
      expect_clean(content_of(server.data_directory / name), name);
    }
    const fs::path process = "/proc/" + std::to_string(server.pid);
    expect_clean(content_of(process / "cmdline"), "cmdline");
    expect_clean(content_of(process / "environ"), "environ");
  }
  for (const char* line :
       {"status", "branch list", "branch get demo/dev", "operations", "branch get demo/dev --json",
        "status --json", "branch restart demo/dev"}) {
    const Ran ran = velo->ok(line);
    expect_clean(ran.out + ran.err, line);
  }
  EXPECT_NE(velo->ok("branch pass demo/dev").out.find(passwords[1]), std::string::npos);
}

TEST_F(Security, FilesAreClosedToOthers) {
  EXPECT_EQ(mode_of(velo->home()), ::geteuid() == 0 ? 0711U : 0700U);
  EXPECT_EQ(mode_of(velo->home() / "private"), 0700U);
  EXPECT_EQ(mode_of(velo->home() / "logs"), 0700U);
  EXPECT_EQ(mode_of(velo->home() / "private/key"), 0600U);
  EXPECT_EQ(mode_of(velo->home() / "private/state.db"), 0600U);
  for (const auto& log : fs::directory_iterator(velo->home() / "logs")) {
    EXPECT_EQ(mode_of(log.path()) & 0077U, 0U) << log.path();
  }
  for (const auto& entry : fs::recursive_directory_iterator(velo->home() / "tls")) {
    if (entry.path().extension() != ".key") continue;
    EXPECT_EQ(mode_of(entry.path()), 0600U) << entry.path();
  }
  EXPECT_EQ(mode_of(velo->data_directory("demo/dev")), 0700U);
}

TEST_F(Security, ServersHaveNoPrivilegesAndACleanEnvironment) {
  velo->set("PGPASSWORD=from-the-callers-environment");
  velo->set("A_TOKEN=from-the-callers-environment");
  velo->ok("branch restart demo/dev");
  const fs::path process = "/proc/" + std::to_string(velo->pid("demo/dev"));
  struct stat status{};
  ASSERT_EQ(::stat(process.c_str(), &status), 0);
  if (::geteuid() == 0) {
    EXPECT_NE(status.st_uid, 0U);
  } else {
    EXPECT_EQ(status.st_uid, ::geteuid());
  }
  EXPECT_EQ(content_of(process / "environ").find("from-the-callers"), std::string::npos);
  EXPECT_NE(content_of(process / "status").find("CapEff:\t0000000000000000"), std::string::npos);
}

TEST_F(Security, TlsIsOnWithTheProjectsCertificate) {
  const std::string certificate =
      velo->json("branch password demo/dev").text("/connection/certificate");
  for (const char* mode : {"require", "verify-ca", "verify-full"}) {
    Sql sql(velo->url("demo/dev") + "?sslmode=" + mode + "&sslrootcert=" + certificate);
    ASSERT_TRUE(sql.connected()) << mode << ": " << sql.error();
    EXPECT_EQ(sql.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"), "t");
  }
  velo->create_project("other");
  const Sql foreign(velo->url("other/main") + "?sslmode=verify-ca&sslrootcert=" + certificate);
  EXPECT_FALSE(foreign.connected()) << "another project's certificate was taken for this one's";
}

TEST_F(Security, TheControlRoleCannotComeThroughTheNetwork) {
  std::string url = velo->url("demo/main");
  const Sql control(url.replace(url.find("postgres:", 13), 8, "velo_control"));
  EXPECT_FALSE(control.connected());
}

// Users may lock themselves, and seemingly Velo, out.
TEST_F(Security, VeloGetsInWhateverUsersDoToRolesAndHba) {
  Sql sql = velo->sql("demo/main");
  sql.execute("CREATE TABLE t AS SELECT 1 AS x");
  std::ofstream(velo->data_directory("demo/main") / "pg_hba.conf") << "local all all reject\n";
  sql.execute("SELECT pg_reload_conf()");
  velo->ok("branch create demo/b");
  velo->ok("branch restart demo/main");
  velo->ok("branch create demo/c");
  EXPECT_EQ(velo->state("demo/c"), "running");
}

}  // namespace
}  // namespace velo::test

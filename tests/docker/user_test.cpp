// Velo without root, on a daemon that somebody else runs.
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "base/files.h"
#include "base/process.h"
#include "docker_test.h"
#include "proxy.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

/// Velo as another user, with a home and a pool of that user's.
class UsersDocker : public DockerTest {
 protected:
  void be(const std::string& name, const std::string& endpoint) {
    user_ = find_user(name).value();
    endpoint_ = endpoint;
    home = velo->home() / "user";
    pool = velo->pool() / "user";
    ASSERT_EQ(::chmod(velo->pool().c_str(), 0755), 0);
    for (const fs::path& directory : {home, pool}) {
      fs::create_directory(directory);
      ASSERT_EQ(::chown(directory.c_str(), user_.uid, user_.gid), 0);
      ASSERT_EQ(::chmod(directory.c_str(), 0700), 0);
    }
  }
  /// `program`: velo, or velo-faults with its `fault`.
  Outcome try_as_user(const std::string& line, const fs::path& program = Velo::binary("velo"),
                      const std::string& fault = "") const {
    const Cancellation never;
    Command command{.argv = {program.string()},
                    .environment = {"PATH=/usr/bin:/bin", "HOME=" + home.string(),
                                    "VELO_HOME=" + home.string(), "DOCKER_HOST=" + endpoint_},
                    .user = user_,
                    .input = {}};
    if (!fault.empty()) command.environment.push_back("VELO_FAULT=" + fault);
    for (std::string& word : words(line)) command.argv.push_back(std::move(word));
    return velo::run(command, 2min, never).value();
  }
  std::string as_user(const std::string& line) const {
    const Outcome ran = try_as_user(line);
    EXPECT_EQ(ran.exit_status, 0) << line << "\n" << ran.err;
    return ran.out;
  }
  /// The first value of a query.
  std::string value(const std::string& branch, const std::string& sql) const {
    std::string out = as_user("psql " + branch + " -- -Atc " + sql);
    while (out.ends_with('\n')) out.pop_back();
    return out;
  }
  /// The postmaster of a project's main in its first life, as this machine sees it; 0 of none.
  int postmaster_of(const std::string& project) const {
    const auto servers = servers_below(pool / "velo" / (project + "-main") / "fs");
    return servers.empty() ? 0 : servers.front().pid;
  }
  uid_t owner_of(const fs::path& file) const {
    struct stat status{};
    EXPECT_EQ(::stat((pool / file).c_str(), &status), 0) << file;
    return status.st_uid;
  }
  /// Create, branch, reset, a moment, stop and start, and all of it gone again.
  void expect_main_flow(const std::string& project, const std::string& more = "") const {
    const std::string dev = project + "/dev";
    as_user("project create " + project + " --runtime docker --storage btrfs --pool " +
            pool.string() + more);
    as_user("psql " + project + "/main -- -c CREATE/**/TABLE/**/t/**/AS/**/SELECT/**/1/**/AS/**/x");
    as_user("branch create " + dev);
    EXPECT_EQ(as_user("psql " + dev + " -- -Atc TABLE/**/t"), "1\n");
    as_user("branch reset " + dev);
    as_user("branch stop " + dev);
    as_user("branch start " + dev);
    EXPECT_EQ(as_user("psql " + dev + " -- -Atc TABLE/**/t"), "1\n");
    EXPECT_EQ(owner_of("velo/" + project + "-dev.2/fs/pgdata/PG_VERSION"), user_.uid);
    as_user("branch create " + project + "/then --pitr now");
    EXPECT_EQ(as_user("psql " + project + "/then -- -Atc TABLE/**/t"), "1\n");
    EXPECT_EQ(as_user("status").find("down"), std::string::npos);
  }
  void expect_all_goes(const std::string& project) const {
    as_user("config set grace 0");
    as_user("project delete " + project + " --force");
    as_user("status");
    EXPECT_TRUE(fs::is_empty(pool / "velo"));
  }

  fs::path home;
  fs::path pool;
  OsUser user_;

 private:
  std::string endpoint_;
};

TEST_F(UsersDocker, AnOrdinaryUsersServersRunAsThatUserAndItsFilesAreItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  // Whoever may open the socket may use the daemon; the group docker is the usual way.
  const Proxy proxy(velo->home() / "proxy",
                    docker_daemon().value().substr(std::string("unix://").size()));
  ASSERT_EQ(::chmod((velo->home() / "proxy").c_str(), 0666), 0);
  be("nobody", proxy.endpoint());
  expect_main_flow("own");
  EXPECT_EQ(inspect(container_of("own/dev"), "{{.Config.User}}"),
            std::to_string(user_.uid) + ":" + std::to_string(user_.gid));
  expect_all_goes("own");
  EXPECT_TRUE(containers().empty());
}

// In its containers the user's uid means what it means outside, and all others are mapped.
TEST_F(UsersDocker, PodmanOfTheUsersOwnMapsTheUserOntoItself) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  const char* const podman = std::getenv("VELO_TEST_PODMAN_ROOTLESS");
  VELO_NEEDS_PLACE(podman != nullptr, "VELO_TEST_PODMAN_ROOTLESS");
  be("velo-rootless", podman);
  expect_main_flow("rootless");
  expect_all_goes("rootless");
  // Root's Velo would run servers as the image's user, who is another one in there.
  velo->set("DOCKER_HOST=" + std::string(podman));
  const Ran refused = velo->fails(
      1, {"project", "create", "other", "--runtime", "docker", "--pool", velo->pool().string()});
  EXPECT_NE(refused.err.find("run velo as the user whose podman it is"), std::string::npos)
      << refused.all();
}

// Docker has no such mapping: in its containers a user namespace within theirs has the user's uid.
TEST_F(UsersDocker, InADaemonOfTheUsersOwnServersAreThatUserOutside) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  const char* const docker = std::getenv("VELO_TEST_DOCKER_ROOTLESS");
  VELO_NEEDS_PLACE(docker != nullptr, "VELO_TEST_DOCKER_ROOTLESS");
  be("velo-rootless", docker);
  expect_main_flow("nested");
  const int first = postmaster_of("nested");
  ASSERT_GT(first, 1);
  const std::string status = read_file("/proc/" + std::to_string(first) + "/status").value();
  const std::string uid = std::to_string(user_.uid);
  EXPECT_NE(status.find("\nUid:\t" + uid + "\t" + uid + "\t" + uid), std::string::npos) << status;
  for (const char* line : {"CapPrm:\t0000000000000000\n", "CapEff:\t0000000000000000\n",
                           "CapInh:\t0000000000000000\n", "NoNewPrivs:\t1\n"}) {
    EXPECT_NE(status.find(line), std::string::npos) << status;
  }
  EXPECT_EQ(value("nested/main", "SELECT/**/count(*)/**/FROM/**/pg_stat_ssl/**/WHERE/**/ssl"), "1")
      << "its key belongs to it";
  // The daemon starts it again by itself.
  as_user("psql nested/main -- -c INSERT/**/INTO/**/t/**/VALUES(2)");
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  EXPECT_TRUE(wait_until(
      [&] {
        const int again = postmaster_of("nested");
        return again != 0 && again != first &&
               try_as_user("psql nested/main -- -c SELECT/**/1").exit_status == 0;
      },
      1min));
  EXPECT_EQ(value("nested/main", "SELECT/**/sum(x)/**/FROM/**/t"), "3");
  // A command that is killed when its server has been started, and the next one, which mends.
  const Outcome killed = try_as_user("branch create nested/killed", Velo::binary("velo-faults"),
                                     "branch.create/start/done=kill");
  EXPECT_EQ(killed.exit_status, 128 + SIGKILL) << killed.err;
  as_user("branch create nested/killed");
  EXPECT_EQ(value("nested/killed", "SELECT/**/sum(x)/**/FROM/**/t"), "3");
  const std::string found = try_as_user("doctor").out;
  EXPECT_EQ(found.find("in the group docker"), std::string::npos) << found;
  expect_all_goes("nested");
  // Archiving, and what a recovery is fed by, in a shell.
  expect_main_flow("shells", " --image postgres:17-busybox");
  expect_all_goes("shells");
  // Without the program that this takes nothing is made.
  fs::copy_file(Velo::binary("velo"), home / "velo");
  const Outcome alone =
      try_as_user("project create alone --runtime docker --pool " + pool.string(), home / "velo");
  EXPECT_EQ(alone.exit_status, 1) << alone.err;
  EXPECT_NE(alone.err.find("the program velo-map-user is neither beside velo"), std::string::npos)
      << alone.err;
  EXPECT_TRUE(fs::is_empty(pool / "velo"));
  // Root's Velo would have to be the user to serve the user's files.
  velo->set("DOCKER_HOST=" + std::string(docker));
  const Ran refused = velo->fails(
      1, {"project", "create", "other", "--runtime", "docker", "--pool", velo->pool().string()});
  EXPECT_NE(refused.err.find("run velo as the user whose Docker daemon it is"), std::string::npos)
      << refused.all();
}

}  // namespace
}  // namespace velo::test

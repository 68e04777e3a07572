// Velo without root, on a daemon that somebody else runs.
#include <sys/stat.h>
#include <unistd.h>

#include "base/files.h"
#include "base/process.h"
#include "docker_test.h"
#include "proxy.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

TEST_F(DockerTest, AnOrdinaryUsersServersRunAsThatUserAndItsFilesAreItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "becoming another user needs root";
  const OsUser user = find_user("nobody").value();
  // Whoever may open the socket may use the daemon; the group docker is the usual way.
  Proxy proxy(velo->home() / "proxy",
              docker_daemon().value().substr(std::string("unix://").size()));
  ASSERT_EQ(::chmod((velo->home() / "proxy").c_str(), 0666), 0);
  const fs::path home = velo->home() / "user";
  const fs::path pool = velo->pool() / "user";
  ASSERT_EQ(::chmod(velo->pool().c_str(), 0755), 0);
  for (const fs::path& directory : {home, pool}) {
    fs::create_directory(directory);
    ASSERT_EQ(::chown(directory.c_str(), user.uid, user.gid), 0);
    ASSERT_EQ(::chmod(directory.c_str(), 0700), 0);
  }
  const Cancellation never;
  const auto as_user = [&](const std::string& line) {
    Command command{
        .argv = {Velo::binary("velo").string()},
        .environment = {"PATH=/usr/bin:/bin", "HOME=" + home.string(), "VELO_HOME=" + home.string(),
                        "DOCKER_HOST=" + proxy.endpoint()},
        .user = user,
        .input = {}};
    for (std::string& word : words(line)) command.argv.push_back(std::move(word));
    auto ran = velo::run(command, 2min, never);
    EXPECT_TRUE(ran && ran->exit_status == 0) << line << "\n" << (ran ? ran->err : "");
    return ran ? ran->out : "";
  };
  as_user("project create own --storage btrfs --pool " + pool.string());
  as_user("branch create own/dev");
  as_user("branch reset own/dev");
  EXPECT_EQ(as_user("psql own/dev -- -Atc SELECT(1)"), "1\n");

  const std::string name = container_of("own/dev");
  EXPECT_EQ(inspect(name, "{{.Config.User}}"),
            std::to_string(user.uid) + ":" + std::to_string(user.gid));
  struct stat status{};
  ASSERT_EQ(::stat((pool / "velo/own-dev.2/fs/pgdata/PG_VERSION").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, user.uid);

  as_user("config set grace 0");
  as_user("project delete own --force");
  as_user("status");
  EXPECT_TRUE(containers().empty());
  EXPECT_TRUE(fs::is_empty(pool / "velo"));
}

}  // namespace
}  // namespace velo::test

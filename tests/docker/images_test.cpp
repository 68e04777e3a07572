// What images decide: whom servers run as, what is recorded, and what a tag that moved means.
#include <sys/stat.h>

#include <fstream>

#include "docker_test.h"

namespace velo::test {
namespace {

class DockerImages : public DockerTest {};

TEST_F(DockerImages, FilesBelongToTheUserOfTheImageAndTheServerRunsAsIt) {
  if (::geteuid() != 0) GTEST_SKIP() << "an ordinary user's servers run as that user";
  velo->create_project("owner");
  velo->ok("branch create owner/dev");
  for (const char* branch : {"owner/main", "owner/dev"}) {
    struct stat status{};
    ASSERT_EQ(::stat(velo->data_directory(branch).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 70U);
    EXPECT_EQ(status.st_gid, 70U);
    EXPECT_EQ(inspect(container_of(branch), "{{.Config.User}}"), "70:70");
  }
}

TEST_F(DockerImages, AutoPrefersContainersAndConfigCanSayOtherwise) {
  const auto create = [&](const std::string& name) {
    velo->ok("project create " + name + " --storage btrfs --pool " + velo->pool().string());
    return velo->json("project get " + name);
  };
  const Json preferred = create("prefers");
  EXPECT_EQ(preferred.text("/project/runtime"), "docker");
  EXPECT_EQ(preferred.text("/project/image"), "postgres:17-alpine");
  EXPECT_NE(preferred.text("/project/runtime_reason").find("answers"), std::string::npos);
  EXPECT_TRUE(preferred.text("/project/image_digest").starts_with("sha256:"));

  velo->ok("config set runtime native");
  EXPECT_EQ(create("configured").text("/project/runtime"), "native");
  velo->fails(2, "config set runtime vm");

  velo->ok("config unset runtime");
  velo->set("DOCKER_HOST=unix:///nonexistent/docker.sock");
  const Json fallen = create("fallen");
  EXPECT_EQ(fallen.text("/project/runtime"), "native");
  EXPECT_NE(fallen.text("/project/runtime_reason").find("not docker"), std::string::npos);
}

TEST_F(DockerImages, ABranchIsOpenedWithItsParentsImageThoughTheTagMoved) {
  const std::string tag = image_with("velo-test-moving:1", "ENV VELO_TEST=first");
  velo->ok({"project", "create", "moving", "--runtime", "docker", "--image", tag, "--pool",
            velo->pool().string()});
  const std::string digest = velo->json("project get moving").text("/project/image_digest");
  image_with(tag, "ENV VELO_TEST=second");

  velo->ok("branch create moving/dev");
  EXPECT_EQ(inspect(container_of("moving/dev"), "{{.Image}}"), digest);
  EXPECT_EQ(velo->json("branch get moving/dev").text("/branch/image_digest"), digest);

  // The old image is gone: the new one opens it, and the user hears of it, above all when text is
  // sorted in another way now.
  velo->sql("moving/main")
      .execute("UPDATE pg_database SET datcollversion = '0.1' WHERE datname = 'postgres'");
  velo->ok("branch stop moving/dev");
  velo->ok("branch stop moving/main");
  run_docker({"rmi", "-f", digest});
  const Ran ran = velo->ok("branch start moving/main");
  EXPECT_NE(ran.err.find("another one than the cluster was made with"), std::string::npos)
      << ran.all();
  EXPECT_NE(ran.err.find("REFRESH COLLATION VERSION"), std::string::npos) << ran.all();
}

// The entrypoint runs the image's scripts on a server of its own: that one must not be taken for
// ready.
TEST_F(DockerImages, ScriptsOfTheImageHaveRunWhenAProjectIsMade) {
  const fs::path script = velo->home() / "slow.sql";
  std::ofstream(script) << "SELECT pg_sleep(1); CREATE TABLE made_by_the_image AS SELECT 1 AS x;\n";
  fs::permissions(script, fs::perms(0644));
  // (The image of 17 has no psql of its own.)
  std::string container = run_docker({"create", "postgres:15-alpine"});
  while (container.ends_with('\n')) container.pop_back();
  run_docker({"cp", script.string(), container + ":/docker-entrypoint-initdb.d/slow.sql"});
  run_docker({"commit", container, "velo-test-scripts:1"});
  run_docker({"rm", "-v", container});
  const Ran ran = velo->run({"project", "create", "scripts", "--runtime", "docker", "--image",
                             "velo-test-scripts:1", "--pool", velo->pool().string()});
  EXPECT_EQ(ran.exit_status, 0) << ran.all();
  EXPECT_EQ(velo->value("scripts/main", "SELECT x FROM made_by_the_image"), "1");
  velo->ok("project delete scripts --force");
  run_docker({"rmi", "-f", "velo-test-scripts:1"});
}

TEST_F(DockerImages, AnotherAddressIsListenedOnOnlyWhenAskedFor) {
  velo->create_project("bound", "--bind 0.0.0.0");
  velo->ok("branch create bound/dev");
  const std::string ip = "{{(index (index .HostConfig.PortBindings \"5432/tcp\") 0).HostIp}}";
  EXPECT_EQ(inspect(container_of("bound/main"), ip), "0.0.0.0");
  EXPECT_EQ(inspect(container_of("bound/dev"), ip), "127.0.0.1");
  EXPECT_NE(velo->url("bound/main").find("@127.0.0.1:"), std::string::npos);
  velo->fails(2, "branch create bound/other --bind somewhere");
}

TEST_F(DockerImages, NothingOfUseIsToBeSeenInAContainer) {
  velo->create_project("secret");
  const std::string all = run_docker({"inspect", container_of("secret/main")});
  EXPECT_EQ(all.find("POSTGRES_PASSWORD"), std::string::npos);
  const Json secret = velo->json("branch password secret/main");
  EXPECT_EQ(all.find(secret.text("/connection/password")), std::string::npos);
}

TEST_F(DockerImages, AContainerIsWhatItsUsersExpect) {
  velo->create_project("usual");
  const std::string name = container_of("usual/main");
  EXPECT_EQ(inspect(name, "{{index .Config.Labels \"velo.project\"}}"), "usual");
  EXPECT_EQ(inspect(name, "{{index .Config.Labels \"velo.branch\"}}"), "main");
  EXPECT_EQ(inspect(name, "{{.HostConfig.RestartPolicy.Name}}"), "unless-stopped");
  EXPECT_EQ(inspect(name, "{{(index (index .HostConfig.PortBindings \"5432/tcp\") 0).HostIp}}"),
            "127.0.0.1");
  EXPECT_EQ(inspect(name, "{{.Config.Image}}"), "postgres:17-alpine");
  EXPECT_EQ(inspect(name, "{{.HostConfig.Init}} {{.HostConfig.LogConfig.Type}}"), "true json-file");
  // The default socket and port of the image's own tools.
  EXPECT_NE(run_docker({"exec", name, "pg_isready"}).find("accepting connections"),
            std::string::npos);
  EXPECT_EQ(inspect(name, "{{range .Mounts}}{{.Type}} {{end}}").find("volume"), std::string::npos)
      << "an anonymous volume";
}

TEST_F(DockerImages, NamesThatComeOutTheSameGetANumber) {
  velo->create_project("same-a");
  velo->ok("branch create same-a/b");
  velo->create_project("same");
  velo->ok("branch create same/a-b");
  EXPECT_EQ(containers(), (std::vector<std::string>{"velo-same-a-b", "velo-same-a-b.2",
                                                    "velo-same-a-main", "velo-same-main"}));
}

TEST_F(DockerImages, TheLogOutlivesTheContainer) {
  velo->create_project("logs");
  velo->sql("logs/main").try_execute("SELECT from_the_log");
  EXPECT_NE(velo->ok("logs logs/main").out.find("from_the_log"), std::string::npos);
  velo->ok("branch stop logs/main");
  const std::string text = velo->ok("logs logs/main").out;
  EXPECT_NE(text.find("from_the_log"), std::string::npos);
  EXPECT_NE(text.find("database system is shut down"), std::string::npos);
  const std::string error = "column \"from_the_log\" does not exist";
  EXPECT_EQ(text.find(error, text.find(error) + 1), std::string::npos) << "twice in\n" << text;
}

}  // namespace
}  // namespace velo::test

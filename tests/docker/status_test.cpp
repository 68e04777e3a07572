// What looking at many branches asks of the daemon.
#include "docker_test.h"
#include "proxy.h"

namespace velo::test {
namespace {

std::string text_at(const Json& json, const std::string& pointer) {
  return json.is_null(pointer) ? "" : json.text(pointer);
}

std::int64_t number_at(const Json& json, const std::string& pointer) {
  return json.is_null(pointer) ? 0 : json.number(pointer);
}

TEST_F(DockerTest, StatusAsksTheDaemonOnceForAllBranches) {
  velo->create_project("asks");
  for (const char* branch : {"a", "b", "c"}) {
    velo->ok(std::string("branch create asks/") + branch);
  }
  velo->ok("branch stop asks/c");
  run_docker({"stop", container_of("asks/b")});
  Proxy proxy(velo->home() / "proxy",
              docker_daemon().value().substr(std::string("unix://").size()));
  velo->set("DOCKER_HOST=" + proxy.endpoint());
  const Json status = velo->json("status");
  EXPECT_EQ(proxy.requests("GET "), 2) << "what versions there are, and the list";
  EXPECT_EQ(status.texts("/projects/0/branches", "state"),
            (std::vector<std::string>{"running", "running", "down", "stopped"}));
  // Each is told as by a look at it alone.
  for (const std::size_t i : {0, 1, 2, 3}) {
    const std::string branch = "/projects/0/branches/" + std::to_string(i);
    const Json one = velo->json("branch get " + status.text(branch + "/full_name"));
    EXPECT_EQ(text_at(status, branch + "/remark"), text_at(one, "/branch/remark")) << branch;
    EXPECT_EQ(number_at(status, branch + "/pid"), number_at(one, "/branch/pid")) << branch;
  }
}

}  // namespace
}  // namespace velo::test

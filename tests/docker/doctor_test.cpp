// `velo doctor` and containers: what it sees of them, and of a daemon that is gone.
#include "support/doctor.h"

#include <gmock/gmock.h>

#include "docker_test.h"

namespace velo::test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class DockerDoctor : public DockerTest {};

TEST_F(DockerDoctor, HasNothingToSayOfContainersThatRun) {
  velo->create_project("well");
  velo->ok("branch create well/dev");
  const Examination found = doctor(*velo);
  EXPECT_THAT(found.troubles(), IsEmpty());
  EXPECT_EQ(found.line("versions.needed").level, "ok");
  EXPECT_THAT(found.line("versions.needed").text, HasSubstr("postgres:17-alpine"));
}

TEST_F(DockerDoctor, AContainerThatWasRemovedIsStartedAgain) {
  velo->create_project("gone");
  run_docker({"rm", "-f", container_of("gone/main")});
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("branch.server_down").level, "error");
  EXPECT_THAT(found.line("branch.server_down").text, HasSubstr("its container is gone"));
  EXPECT_THAT(doctor(*velo, {"--fix"}).troubles(), IsEmpty());
  EXPECT_EQ(velo->value("gone/main", "SELECT 1"), "1");
}

TEST_F(DockerDoctor, AContainerWithoutARecordIsToldAndLeft) {
  velo->create_project("known");
  const std::string volume = (velo->volumes() / "lost/fs").string();
  run_docker({"create", "--name", "velo-test-lost", "--network", "none", "--label",
              "velo.volume=" + volume, "--label", "velo.pgdata=" + volume + "/pgdata", "--label",
              "velo.log=" + (velo->home() / "logs/0123456789abcdef.log").string(),
              "postgres:17-alpine"});
  const Examination found = doctor(*velo, {"--fix"});
  EXPECT_EQ(found.line("orphan.held").level, "warning");
  EXPECT_THAT(found.line("orphan.held").text, HasSubstr("the container velo-test-lost"));
  EXPECT_THAT(found.line("orphan.held").hint, HasSubstr("docker rm -f velo-test-lost"));
  EXPECT_THAT(found.repaired, IsEmpty());
  EXPECT_EQ(inspect("velo-test-lost", "{{.State.Status}}"), "created");
  run_docker({"rm", "velo-test-lost"});
  EXPECT_THAT(doctor(*velo).troubles(), IsEmpty());
}

TEST_F(DockerDoctor, AnImageThatIsGoneIsToldWithWhoNeedsIt) {
  const std::string image = image_with("velo-test-doctor:1", "ENV VELO_TEST=doctor");
  velo->ok({"project", "create", "imageless", "--runtime", "docker", "--image", image, "--pool",
            velo->pool().string()});
  velo->ok("branch stop imageless/main");
  run_docker({"rmi", "-f", image});
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("versions.needed").level, "error");
  EXPECT_THAT(found.line("versions.needed").text, HasSubstr("imageless/main"));
  EXPECT_THAT(found.line("versions.needed").hint, HasSubstr("docker pull " + image));
}

TEST_F(DockerDoctor, ADaemonThatIsGoneIsAnErrorWhereBranchesNeedIt) {
  velo->create_project("daemonless");
  velo->set("DOCKER_HOST=unix:///nonexistent/docker.sock");
  const Examination found = doctor(*velo);
  EXPECT_EQ(found.line("runtime.serves").level, "error");
  EXPECT_EQ(found.line("branch.unknown").level, "warning");
  EXPECT_EQ(found.line("branch.unknown").subject, "daemonless/main");
}

}  // namespace
}  // namespace velo::test

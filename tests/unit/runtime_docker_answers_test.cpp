// What a daemon answers that is not Docker's kind, or whose parts somebody else wrote.
#include "runtime/docker_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "fake_daemon.h"

namespace velo::runtime {
namespace {

using nlohmann::json;
using testing::HasSubstr;

const Cancellation never;

TEST(DockerAnswers, AContainerIsRead) {
  const Container container = container_in(json::parse(R"({
      "Id":"abc","Name":"/velo-demo-main","RestartCount":2,
      "State":{"Running":true,"Restarting":false,"Pid":4711,"ExitCode":3,
               "StartedAt":"2025-10-09T18:40:21.123456789Z"},
      "Config":{"Labels":{"velo.name":"velo-demo-dev","velo.pgdata":"/p","velo.log":"/l"}}})"));
  EXPECT_EQ(container.name, "velo-demo-main");
  EXPECT_EQ(container.given_name, "velo-demo-dev");
  EXPECT_EQ(container.pgdata, "/p");
  EXPECT_TRUE(container.runs);
  EXPECT_EQ(container.pid, 4711);
  EXPECT_EQ(container.restarts, 2);
  EXPECT_EQ(container.exit_code, 3);
  EXPECT_EQ(container.started_at.time_since_epoch().count(), 1760035221);
}

TEST(DockerAnswers, AValueOfAnotherTypeIsOneThatIsNotThere) {
  for (const char* text :
       {"null", "[]", "\"x\"", "7", R"({"Id":1,"Name":[],"State":[],"Config":"x"})",
        R"({"State":{"Running":"yes","Pid":"1","StartedAt":5},"RestartCount":1e300})",
        R"({"State":{"Pid":9223372036854775808,"ExitCode":4294967296,"StartedAt":"2025-10-0TC"}})",
        R"({"Config":{"Labels":null,"Env":[1,null],"Volumes":[],"User":{},"Entrypoint":"x"}})",
        R"({"Config":{"Entrypoint":[[],null]}})"}) {
    const Container container = container_in(json::parse(text));
    EXPECT_EQ(container.id + container.name + container.pgdata, "") << text;
    EXPECT_EQ(container.pid, 0) << text;
    EXPECT_EQ(container.restarts, 0) << text;
    EXPECT_FALSE(container.runs) << text;
    EXPECT_EQ(container.started_at.time_since_epoch().count(), 0) << text;
    const Image image = image_in(json::parse(text));
    EXPECT_TRUE(image.environment.empty() && image.volumes.empty() && image.user.empty()) << text;
    EXPECT_TRUE(image.entrypoint.empty()) << text;
    EXPECT_FALSE(has_security_option(json::parse(text), "name=")) << text;
  }
  EXPECT_EQ(containers_in(json::parse(R"([1,{"Names":[2],"Labels":[],"Status":7}])")).size(), 2U);
  EXPECT_TRUE(containers_in(json::parse("{}")).empty());
  EXPECT_EQ(refusal(500, R"({"message":["x"]})").message, "the daemon answers with status 500");
}

TEST(DockerAnswers, ANameIsWithoutItsSlashes) {
  EXPECT_EQ(container_in(json::parse(R"({"Name":"///a/b"})")).name, "a/b");
  EXPECT_EQ(container_in(json::parse(R"({"Name":"//"})")).name, "");
}

TEST(DockerAnswers, AnImageTellsWhatItExecutes) {
  const Image image = image_in(
      json::parse(R"({"Id":"sha256:1","Config":{"Entrypoint":["docker-entrypoint.sh","-x"]}})"));
  EXPECT_EQ(image.entrypoint, (std::vector<std::string>{"docker-entrypoint.sh", "-x"}));
}

// kill(2) takes a negative one for a group of processes.
TEST(DockerAnswers, APidIsAProcesss) {
  EXPECT_EQ(container_in(json::parse(R"({"State":{"Pid":-1}})")).pid, 0);
}

TEST(DockerAnswers, AnAnswerOfAnotherKindIsAnErrorOrNothingAndNeverAnException) {
  test::FakeDaemon daemon;
  daemon.answer("/images/odd/json", 200, R"(["no image"])");
  daemon.answer("/containers/json", 200, R"({"no":"list"})");
  daemon.answer("/containers/odd/json", 200, "7");
  daemon.answer("/containers/create", 200, "[]");
  daemon.answer("/images/create", 200, "{\"error\":{}}\n{\"status\":1,\"id\":[]}\n[]\nno JSON\n");
  DockerApi api = DockerApi::open(never).value();
  EXPECT_EQ(inspect_image(api, "odd").value().id, "");
  EXPECT_TRUE(all_containers(api).value().empty());
  EXPECT_FALSE(look_at(api, "odd").value().runs);
  EXPECT_FALSE(ensure_image(api, "other", {}).has_value());
}

TEST(DockerAnswers, AFramesLengthIsNotBelieved) {
  using namespace std::string_literals;
  EXPECT_EQ(without_frames("\1\0\0\0\0\0\0\2hi\2\0\0\0\0\0\0\1!"s), "hi!");
  EXPECT_EQ(without_frames("\1\0\0\0\xff\xff\xff\xffhi"s), "hi");
  EXPECT_EQ(without_frames("\1\0\0\0\0\0"s), "");
}

TEST(DockerAnswers, OnlyNewLinesOfALogAreTold) {
  const std::string log =
      "2025-10-09T18:40:21.1Z one\n2025-10-09T18:40:22.1Z two\nnone\n2025-10-09T18:40:23.1Z \n";
  const LogLines lines = lines_after("2025-10-09T18:40:21.1Z", log);
  EXPECT_EQ(lines.text, "two\n\n");
  EXPECT_EQ(lines.newest, "2025-10-09T18:40:23.1Z");
  EXPECT_EQ(lines_after(lines.newest, log).text, "");
  EXPECT_EQ(since_of("2025-10-09T18:40:21.123456789Z"), "1760035221");
  for (const char* stamp : {"", "x", "2025-10-8T90:04::21.1Z", "2025-10-09"}) {
    EXPECT_EQ(since_of(stamp), "0") << stamp;
  }
}

TEST(DockerAnswers, AnArchivesSizesAreNotBelieved) {
  std::string archive(512, '\0');
  archive.replace(124, 11, "00000000005");
  EXPECT_EQ(first_file(archive + "hello and more"), "hello");
  archive.replace(124, 11, "77777777777");
  EXPECT_EQ(first_file(archive + "hello"), "hello");
  archive.replace(124, 11, "-0000000001");
  EXPECT_EQ(first_file(archive + "hello"), "");
  EXPECT_EQ(first_file(archive.substr(0, 511)), "");
}

// setfsuid(2) takes the last uid for "as before": files would be touched as root.
TEST(DockerAnswers, AUserIsSomebody) {
  const auto user = user_in("x\npostgres:x:70:70:::\n", "postgres");
  ASSERT_TRUE(user);
  EXPECT_EQ(user->uid, 70U);
  EXPECT_EQ(user_in("a:x:7:8:::\n", "7:8")->gid, 8U);
  for (const char* passwd :
       {"postgres:x:4294967295:70:::\n", "postgres:x:70:4294967295:::\n", "postgres:x:-1:70:::\n",
        "postgres:x:99999999999:70:::\n", "postgres:x::\n", "postgres\n", ""}) {
    EXPECT_FALSE(user_in(passwd, "postgres")) << passwd;
  }
}

TEST(DockerAnswers, AnImageWhosePostgresIsRootIsRefused) {
  std::string archive(512, '\0');
  archive.replace(124, 11, "00000000021");
  test::FakeDaemon daemon;
  daemon.answer("/containers/create", 200, R"({"Id":"probe"})");
  daemon.answer("/archive?path=/etc/passwd", 200, archive + "postgres:x:0:0:::");
  DockerApi api = DockerApi::open(never).value();
  const Image image{
      .name = "odd", .id = "1", .environment = {{"PG_VERSION", "17.2"}}, .volumes = {}, .user = ""};
  const auto server = server_of(api, "odd", image);
  ASSERT_FALSE(server);
  EXPECT_EQ(server.error().code, Errc::unsupported);
  EXPECT_THAT(server.error().message, HasSubstr("the user postgres is root"));
}

}  // namespace
}  // namespace velo::runtime

// Whom a container's users are outside, and the program that makes one of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/our_programs.h"
#include "base/process.h"
#include "fake_daemon.h"
#include "runtime/docker_users.h"
#include "runtime/registry.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using test::FakeDaemon;
using test::TempDirectory;
using testing::Contains;
using testing::HasSubstr;

const Cancellation never;

TEST(DockerUsers, ADaemonWithoutRootServesWhoseItIsAndNobodyElse) {
  const auto docker = nlohmann::json::parse(
      R"({"ServerVersion":"20.10.24","SecurityOptions":["name=seccomp","name=rootless"]})");
  const auto podman = nlohmann::json::parse(
      R"({"ServerVersion":"4.3.1","Rootless":true,"SecurityOptions":["name=seccomp"]})");
  for (const bool is_podman : {true, false}) {
    FakeDaemon daemon(is_podman ? "Libpod-Api-Version: 4.3.1\r\n" : "");
    DockerApi api = DockerApi::open(never).value();
    EXPECT_EQ(api.is_podman(), is_podman);
    EXPECT_EQ(api.listener().value(), ::geteuid());
    EXPECT_EQ(users_of(api, {{"ServerVersion", "4.3.1"}, {"Rootless", 1}}).value(), Users::same);
    const auto users = users_of(api, is_podman ? podman : docker);
    if (running_as_root()) {
      ASSERT_FALSE(users.has_value());
      EXPECT_EQ(users.error().code, Errc::unsupported);
      EXPECT_THAT(users.error().hint, HasSubstr(is_podman ? "the user whose podman it is"
                                                          : "the user whose Docker daemon it is"));
      // Such a project is not made, so what it costs to ask is saved.
      EXPECT_EQ(users_of(api).value(), Users::same);
      EXPECT_THAT(daemon.requests(), testing::Not(Contains(HasSubstr("/info"))));
    } else {
      EXPECT_EQ(users.value(), is_podman ? Users::keep_id : Users::nested);
      daemon.answer("/info", 200, (is_podman ? podman : docker).dump());
      EXPECT_EQ(users_of(api).value(), users.value());
    }
  }
}

TEST(DockerUsers, NobodyActsAsTheUsersOfADaemonThatIsAnothersOwn) {
  if (!running_as_root()) GTEST_SKIP() << "listening as another user needs root";
  constexpr uid_t nobody = 65534;
  const FakeDaemon daemon;
  const DockerApi api = DockerApi::open(never).value();
  const fs::path socket = api.endpoint().substr(std::string("unix://").size());
  ASSERT_EQ(::chmod(socket.parent_path().c_str(), 0755), 0);
  ASSERT_EQ(::chmod(socket.c_str(), 0666), 0);
  ASSERT_EQ(::seteuid(nobody), 0);
  const auto users = users_of(api, {{"SecurityOptions", {"name=rootless"}}});
  ASSERT_EQ(::seteuid(0), 0);
  ASSERT_FALSE(users.has_value());
  EXPECT_EQ(users.error().code, Errc::unsupported);
}

TEST(DockerUsers, ADaemonIsCheckedBeforeAnythingIsMade) {
  for (const auto& [option, serves] :
       std::map<std::string, bool>{{"name=seccomp,profile=default", true},
                                   {"name=userns", true},
                                   {"name=rootless", !running_as_root()}}) {
    FakeDaemon daemon;
    daemon.answer("/info", 200,
                  R"({"ServerVersion":"20.10.24","SecurityOptions":[")" + option + R"("]})");
    const auto checked = open_runtime("docker").value()->check(never);
    EXPECT_EQ(checked.has_value(), serves) << option;
    if (serves) {
      EXPECT_THAT(*checked, HasSubstr("20.10.24"));
      EXPECT_THAT(*checked, HasSubstr("API 1.43")) << "for doctor";
    } else {
      EXPECT_EQ(checked.error().code, Errc::unsupported);
    }
  }
}

class DockerUsersConfig : public testing::Test {
 protected:
  void SetUp() override {
    spec_.run_directory = directory_.path();
    spec_.build.owner = {.uid = 1001, .gid = 1002, .name = "ann", .home = {}};
    image_.entrypoint = {"docker-entrypoint.sh", "--loud"};
  }
  nlohmann::json config(Users users) const {
    nlohmann::json config{{"HostConfig", {{"Mounts", nlohmann::json::array()}}}};
    EXPECT_TRUE(run_as_owner(config, users, spec_, image_));
    return config;
  }
  /// What is mounted there: its source.
  static std::string mounted(const nlohmann::json& config, const std::string& inside) {
    for (const auto& mount : config["HostConfig"]["Mounts"]) {
      if (mount["Target"] != inside) continue;
      EXPECT_EQ(mount["ReadOnly"], true) << inside;
      return mount["Source"];
    }
    return "";
  }
  TempDirectory directory_;
  ServerSpec spec_;
  Image image_;
};

TEST_F(DockerUsersConfig, WhereUidsMeanTheSameTheServerIsTheOwner) {
  for (const auto& [users, space] :
       std::map<Users, std::string>{{Users::same, "host"}, {Users::keep_id, "keep-id"}}) {
    const auto made = config(users);
    EXPECT_EQ(made["User"], "1001:1002");
    EXPECT_EQ(made["HostConfig"]["UsernsMode"], space);
    EXPECT_FALSE(made.contains("Entrypoint")) << "the image's own";
    EXPECT_FALSE(made["HostConfig"].contains("CapAdd"));
    EXPECT_EQ(mounted(made, "/velo-map-user"), "");
    EXPECT_EQ(mounted(made, "/etc/passwd").empty(), running_as_root());
  }
}

TEST_F(DockerUsersConfig, WhereOnlyRootIsTheUserItBecomesTheOwnerBeforeTheImagesEntrypoint) {
  auto made = config(Users::nested);
  EXPECT_EQ(made["User"], "0:0");
  EXPECT_EQ(made["HostConfig"]["CapAdd"], nlohmann::json{"SYS_ADMIN"});
  EXPECT_EQ(made["Entrypoint"],
            (nlohmann::json{"/velo-map-user", "1001:1002", "docker-entrypoint.sh", "--loud"}));
  const std::string program = mounted(made, "/velo-map-user");
  EXPECT_EQ(::access(program.c_str(), X_OK), 0) << program;
  EXPECT_TRUE(fs::path(program).is_absolute());
  image_.entrypoint.clear();
  EXPECT_EQ(config(Users::nested)["Entrypoint"], (nlohmann::json{"/velo-map-user", "1001:1002"}));
}

class MapUser : public testing::Test {
 protected:
  static Outcome map_user(std::vector<std::string> words) {
    Command command{.argv = {program_of_ours("velo-map-user").value().string()},
                    .environment = {"PATH=/usr/bin:/bin"},
                    .user = {},
                    .input = {}};
    for (std::string& word : words) command.argv.push_back(std::move(word));
    return run(command, 1min, never).value();
  }
};

TEST_F(MapUser, TheProgramIsThatUserWithoutAnyCapability) {
  if (!running_as_root()) GTEST_SKIP() << "it is for a container's root";
  const auto ran = map_user(
      {"70:71", "sh", "-c", "id -u; id -g; cat /proc/self/uid_map; cat /proc/self/status; exit 3"});
  if (ran.err.find("max_user_namespaces") != std::string::npos) GTEST_SKIP() << ran.err;
  EXPECT_EQ(ran.exit_status, 3) << ran.err;
  EXPECT_THAT(ran.out, testing::StartsWith("70\n71\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("\n +70 +0 +1\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("CapPrm:\t0+\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("CapEff:\t0+\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("CapAmb:\t0+\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("Groups:\t *\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("NoNewPrivs:\t1\n"));
  EXPECT_EQ(map_user({"70:71", "/nonexistent/program"}).exit_status, 127);
}

TEST_F(MapUser, WhatIsNoUserIsRefused) {
  for (const char* user : {"", "70", "70:", ":70", "70:71:72", "-1:70", " 70:71", "70:4294967295",
                           "99999999999999999999:1", "postgres:postgres"}) {
    const auto ran = map_user({user, "/bin/true"});
    EXPECT_EQ(ran.exit_status, 126) << user;
    EXPECT_THAT(ran.err, HasSubstr("UID:GID")) << user;
  }
  EXPECT_EQ(map_user({"70:71"}).exit_status, 126);
}

TEST(OurPrograms, OneThatIsNotThereIsNamedWithThePlaces) {
  const auto missing = program_of_ours("velo-nonexistent");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::unsupported);
  EXPECT_THAT(missing.error().message, HasSubstr("velo-nonexistent"));
  EXPECT_THAT(missing.error().message, HasSubstr("/lib/velo"));
}

}  // namespace
}  // namespace velo::runtime

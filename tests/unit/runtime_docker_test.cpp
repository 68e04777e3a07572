// What no daemon of the tests' own can show: pulling, a registry's credentials, and refusals.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/crypto.h"
#include "fake_daemon.h"
#include "runtime/docker_api.h"
#include "runtime/docker_credentials.h"
#include "runtime/docker_image.h"
#include "runtime/selinux.h"

namespace velo::runtime {
namespace {

using test::FakeDaemon;
using test::TempDirectory;
using testing::Contains;
using testing::HasSubstr;

const Cancellation never;

TEST(DockerPull, EachLayerIsToldAsItComes) {
  FakeDaemon daemon;
  daemon.answer("/images/create?fromImage=postgres&tag=17-alpine", 200,
                R"({"status":"Pulling from library/postgres","id":"17-alpine"})"
                "\n"
                R"({"status":"Downloading","progressDetail":{"current":1,"total":2},"id":"aaa"})"
                "\n"
                R"({"status":"Pull complete","id":"aaa"})"
                "\n"
                R"({"status":"Pull complete","id":"bbb"})"
                "\n");
  DockerApi api = DockerApi::open(never).value();
  std::vector<std::string> told;
  const auto image = ensure_image(api, "postgres:17-alpine",
                                  [&](std::string_view what) { told.emplace_back(what); });
  EXPECT_EQ(told, (std::vector<std::string>{"layer aaa of postgres:17-alpine",
                                            "layer bbb of postgres:17-alpine"}));
}

TEST(DockerPull, AnImageThatIsThereIsNotPulled) {
  FakeDaemon daemon;
  daemon.answer("/images/postgres:17-alpine/json", 200,
                R"({"Id":"sha256:1","Config":{"Env":["PG_MAJOR=17"],"Volumes":null}})");
  DockerApi api = DockerApi::open(never).value();
  const auto image = ensure_image(api, "postgres:17-alpine", {});
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(image->id, "sha256:1");
  EXPECT_EQ(image->environment.at("PG_MAJOR"), "17");
  EXPECT_THAT(daemon.requests(), testing::Not(Contains(HasSubstr("/images/create"))));
}

TEST(DockerPull, AFailureIsOneClearMessage) {
  struct Case {
    int status;
    std::string body;
    Errc code;
    std::string words;
  };
  const std::vector<Case> cases = {
      {404, R"({"message":"pull access denied for x/y, repository does not exist"})",
       Errc::not_found, "x/y:1 could not be pulled: pull access denied"},
      {500, R"({"message":"Get https://registry-1.docker.io/v2/: dial tcp: lookup failed"})",
       Errc::server, "dial tcp"},
      {200,
       R"({"errorDetail":{"message":"x"},"error":"write /var/lib/x: no space left on device"})",
       Errc::no_space, "no space left on device"},
  };
  for (const Case& c : cases) {
    FakeDaemon daemon;
    daemon.answer("/images/create", c.status, c.body);
    DockerApi api = DockerApi::open(never).value();
    const auto image = ensure_image(api, "x/y:1", {});
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, c.code);
    EXPECT_THAT(image.error().message, HasSubstr(c.words));
  }
}

TEST(DockerPull, NamesWithoutATagMeanLatestAndPortsAreNoTags) {
  for (const auto& [name, query] : std::map<std::string, std::string>{
           {"postgres", "fromImage=postgres&tag=latest"},
           {"reg.example:5000/a/b", "fromImage=reg.example%3A5000%2Fa%2Fb&tag=latest"},
           {"reg.example:5000/a/b:2", "fromImage=reg.example%3A5000%2Fa%2Fb&tag=2"},
           {"a@sha256:12", "fromImage=a%40sha256%3A12 "}}) {
    FakeDaemon daemon;
    daemon.answer("/images/create", 200, "");
    DockerApi api = DockerApi::open(never).value();
    (void)ensure_image(api, name, {});
    EXPECT_THAT(daemon.requests(), Contains(HasSubstr(query))) << name;
  }
}

TEST(DockerApi, ARefusalIsTheDaemonsOwnMessage) {
  FakeDaemon daemon;
  daemon.answer("/containers/create", 409, R"({"message":"Conflict. The name is in use"})");
  daemon.answer("/start", 500,
                R"({"message":"Bind for 127.0.0.1:1 failed: port is already allocated"})");
  daemon.answer("/stop", 500, R"({"message":"container-init binary not found on the host"})");
  daemon.answer("/info", 500, "no JSON");
  DockerApi api = DockerApi::open(never).value();
  const auto conflict = api.post("/containers/create", {});
  ASSERT_FALSE(conflict);
  EXPECT_EQ(conflict.error().code, Errc::in_use);
  EXPECT_THAT(conflict.error().message, HasSubstr("The name is in use"));
  EXPECT_EQ(api.post("/containers/x/start", {}).error().code, Errc::in_use);
  EXPECT_THAT(api.post("/containers/x/stop", {}).error().hint, HasSubstr("catatonit"));
  EXPECT_THAT(api.get("/info").error().message, HasSubstr("500"));
}

TEST(DockerApi, NobodyThereAndNobodyOfItsKindSayWhatToDo) {
  ::setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock", 1);
  const auto nobody = DockerApi::open(never);
  ASSERT_FALSE(nobody);
  EXPECT_EQ(nobody.error().code, Errc::server);
  EXPECT_THAT(nobody.error().message, HasSubstr("/nonexistent/docker.sock does not answer"));
  EXPECT_THAT(nobody.error().hint, HasSubstr("DOCKER_HOST"));
  ::setenv("DOCKER_HOST", "ssh://elsewhere", 1);
  EXPECT_EQ(DockerApi::open(never).error().code, Errc::usage);
  ::unsetenv("DOCKER_HOST");
}

class DockerSelinux : public testing::Test {
 protected:
  static nlohmann::json info(const std::string& option) {
    return {{"SecurityOptions", {"name=seccomp,profile=default", option}}};
  }
  /// The label, or why there is none.
  static std::string label_of(const fs::path& path) {
    std::array<char, 256> value{};
    const ssize_t size = ::lgetxattr(path.c_str(), "security.selinux", value.data(), value.size());
    return size < 0 ? std::strerror(errno) : std::string(value.data(), static_cast<size_t>(size));
  }
  TempDirectory directory_;
};

TEST_F(DockerSelinux, WhatAContainerMountsIsLabelledWhereTheDaemonSaysThatItConfines) {
  ServerSpec spec;
  spec.root = "/pool/velo/demo-main/fs";
  spec.run_directory = "/home/run/1";
  spec.certificate = "/home/tls/1/server.crt";
  EXPECT_TRUE(paths_to_label(info("name=apparmor"), spec).empty());
  EXPECT_TRUE(paths_to_label(nlohmann::json::object(), spec).empty());
  std::vector<fs::path> expected{spec.root, spec.run_directory, "/home/tls/1"};
  EXPECT_EQ(paths_to_label(info("name=selinux"), spec), expected);
  spec.archive = "/home/wal-archive/1";
  expected.push_back(spec.archive);
  EXPECT_EQ(paths_to_label(info("name=selinux"), spec), expected);
}

TEST_F(DockerSelinux, ATreeIsLabelledOnceItsRootLast) {
  if (!running_as_root()) GTEST_SKIP() << "writing labels where SELinux does not run needs root";
  const fs::path root = directory_.path() / "fs";
  fs::create_directories(root / "pgdata/base");
  std::ofstream(root / "pgdata/PG_VERSION") << "17";
  fs::create_symlink("/etc/passwd", root / "link");
  const OsUser owner = current_user().value();
  ASSERT_TRUE(label_for_containers(root, owner));
  for (const char* name : {"", "pgdata", "pgdata/base", "pgdata/PG_VERSION", "link"}) {
    EXPECT_EQ(label_of(root / name), container_label) << name;
  }
  EXPECT_NE(label_of("/etc/passwd"), container_label) << "behind a link";
  // What has its label already is not walked through again.
  fs::create_directory(root / "later");
  ASSERT_TRUE(label_for_containers(root, owner));
  EXPECT_NE(label_of(root / "later"), container_label);
}

class DockerCredentials : public testing::Test {
 protected:
  void SetUp() override { ::setenv("DOCKER_CONFIG", directory_.path().c_str(), 1); }
  void TearDown() override { ::unsetenv("DOCKER_CONFIG"); }
  void config(const std::string& text) const {
    std::ofstream(directory_.path() / "config.json") << text;
  }
  TempDirectory directory_;
};

TEST_F(DockerCredentials, NoneAreNeededForPublicImages) {
  EXPECT_EQ(registry_auth("postgres:17-alpine").value(), "");
  config("{}");
  EXPECT_EQ(registry_auth("postgres:17-alpine").value(), "");
  config("no JSON");
  EXPECT_FALSE(registry_auth("postgres:17-alpine"));
}

TEST_F(DockerCredentials, OfTheFileAreThoseOfTheImagesRegistry) {
  config(R"({"auths":{"reg.example:5000":{"auth":")" + to_base64("ann:a:b") + R"("},
             "https://index.docker.io/v1/":{"auth":")" +
         to_base64("hub:secret") + R"("}}})");
  const std::string ann =
      R"({"password":"a:b","serveraddress":"reg.example:5000","username":"ann"})";
  EXPECT_EQ(registry_auth("reg.example:5000/x:1").value(), to_base64(ann));
  EXPECT_NE(registry_auth("ankane/pgvector:17").value(), "");
  EXPECT_EQ(registry_auth("other.example/x").value(), "");
}

TEST_F(DockerCredentials, AHelperIsAsked) {
  const auto helper = directory_.path() / "docker-credential-test";
  std::ofstream(helper)
      << "#!/bin/sh\nread -r registry || :\n"
         "echo \"{\\\"Username\\\":\\\"bob\\\",\\\"Secret\\\":\\\"$registry\\\"}\"\n";
  ASSERT_EQ(::chmod(helper.c_str(), 0755), 0);
  const std::string path = std::string(::getenv("PATH"));
  ::setenv("PATH", (directory_.path().string() + ":" + path).c_str(), 1);
  config(R"({"credHelpers":{"reg.example":"test"}})");
  const std::string bob =
      R"({"password":"reg.example","serveraddress":"reg.example","username":"bob"})";
  EXPECT_EQ(registry_auth("reg.example/x:1").value(), to_base64(bob));
  ::setenv("PATH", path.c_str(), 1);
}

}  // namespace
}  // namespace velo::runtime

// A cluster and its server on one of the runtimes, for what must hold on each of them.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/files.h"
#include "postgres/certificate.h"
#include "runtime/registry.h"
#include "support/environment.h"

namespace velo::runtime {

using namespace std::chrono_literals;
using test::TempDirectory;

inline int unused_port() {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&name), size), 0);
  EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&name), &size), 0);
  return ntohs(name.sin_port);
}

class RuntimeFixture : public testing::Test {
 protected:
  /// Makes the cluster; no server runs yet.
  void set_up(const std::string& runtime) {
    if (runtime == "docker") {
      VELO_NEEDS_PLACE(test::docker_daemon(), "VELO_TEST_DOCKER");
      ::setenv("DOCKER_HOST", test::docker_daemon()->c_str(), 1);
    }
    runtime_ = open_runtime(runtime).value();
    const auto build = runtime_->choose_build({.major = 0,
                                               .home = "/nonexistent",
                                               .path_variable = "/usr/bin",
                                               .server_user = test::server_user()},
                                              cancel_);
    ASSERT_TRUE(build) << build.error().message;
    spec_.build = *build;
    give(dir_.path());
    for (const char* name : {"fs", "run", "tls"}) {
      ASSERT_TRUE(create_directory(dir_.path() / name, 0700));
      give(dir_.path() / name);
    }
    spec_ = {.build = *build,
             .project = "contract",
             .branch = "main",
             .root = dir_.path() / "fs",
             .pgdata = dir_.path() / "fs/pgdata",
             .run_directory = dir_.path() / "run",
             .log = dir_.path() / "log",
             .address = "127.0.0.1",
             .port = unused_port(),
             .certificate = dir_.path() / "tls/server.crt",
             .certificate_key = dir_.path() / "tls/server.key",
             .overrides = {}};
    write_certificate();
    make_cluster();
  }

  void write_certificate() const {
    const postgres::Certificate certificate = postgres::make_certificate("test").value();
    const ActAs owner(spec_.build.owner);
    ASSERT_TRUE(write_file(spec_.certificate, certificate.certificate_pem, 0600));
    ASSERT_TRUE(write_file(spec_.certificate_key, certificate.key_pem, 0600));
  }

  void make_cluster() {
    const auto made = runtime_->make_cluster(spec_, {}, cancel_);
    ASSERT_TRUE(made) << made.error().message << made.error().detail;
  }

  void TearDown() override {
    if (runtime_) {
      EXPECT_TRUE(runtime_->stop(spec_.pgdata, StopMode::immediate));
    }
  }

  void give(const fs::path& path) const {
    const OsUser& user = spec_.build.owner;
    if (running_as_root()) {
      ASSERT_EQ(::chown(path.c_str(), user.uid, user.gid), 0);
    }
  }

  /// Starts and waits.
  Result<void> start() {
    const auto starting = TRY(runtime_->start(spec_));
    return starting->await_ready(60s, cancel_);
  }

  Seen seen() const {
    const auto server = runtime_->inspect(spec_.pgdata);
    EXPECT_TRUE(server) << server.error().message;
    return server.value_or(Seen{});
  }
  pid_t pid() const { return seen().pid; }

  TempDirectory dir_;
  std::unique_ptr<Runtime> runtime_;
  ServerSpec spec_;
  Cancellation cancel_;
};

}  // namespace velo::runtime

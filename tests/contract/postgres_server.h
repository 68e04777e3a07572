// A real PostgreSQL server in a directory of the test's own.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/process.h"
#include "postgres/build.h"
#include "postgres/cluster.h"
#include "postgres/connection.h"
#include "postgres/hba.h"
#include "postgres/initdb.h"
#include "support/wait.h"
#include "unit/postgres_scratch.h"

namespace velo::test {

using namespace std::chrono_literals;

inline std::string environment_variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Whom servers run as: they refuse to be root.
inline OsUser servers_user() {
  if (!running_as_root()) return current_user().value();
  if (auto postgres = find_user("postgres")) return *postgres;
  return find_user("nobody").value();
}

/// The builds of this machine, and those in VELO_TEST_POSTGRES (<major>/bin/postgres).
inline std::vector<postgres::Build> installed_builds() {
  std::string path;
  for (int major = postgres::oldest_major; major <= postgres::newest_major; ++major) {
    path += fmt::format("{}/{}/bin:", environment_variable("VELO_TEST_POSTGRES"), major);
  }
  return postgres::find_builds("/nowhere", path, {}).value();
}

/// A port that nothing listens on at this moment.
inline int free_port() {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  (void)::bind(probe.get(), reinterpret_cast<const sockaddr*>(&name), size);
  ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&name), &size);
  return ntohs(name.sin_port);
}

/// A server on a data directory; it is killed with the object. Start it with start().
class TestServer {
 public:
  TestServer(postgres::Build build, OsUser user, fs::path directory)
      : build_(std::move(build)), user_(std::move(user)), directory_(std::move(directory)) {
    ensure(directory_);
    ensure(sockets());
  }
  TestServer(const TestServer&) = delete;
  TestServer& operator=(const TestServer&) = delete;
  TestServer(TestServer&&) = delete;
  TestServer& operator=(TestServer&&) = delete;
  ~TestServer() { stop(SIGQUIT); }

  fs::path root() const { return directory_; }
  fs::path pgdata() const { return directory_ / "data"; }
  fs::path sockets() const { return directory_ / "run"; }
  int port() const { return port_; }
  const postgres::Build& build() const { return build_; }
  const OsUser& user() const { return user_; }

  /// initdb, a first start, the control role, and a gate as wide as the test wants it.
  void make(const postgres::Settings& settings = {}) {
    ASSERT_OK(postgres::make_cluster(build_, pgdata(), user_, settings, never_));
    start();
    auto first = connect("postgres");
    ASSERT_OK(first);
    ASSERT_OK(
        first->query(fmt::format("CREATE ROLE {} SUPERUSER LOGIN", postgres::control_role), 30s));
  }

  /// Starts it, and waits until it is ready; `more` are further settings of the command line.
  void start(const std::vector<std::string>& more = {}) {
    launch(more);
    ASSERT_TRUE(wait_until([&] { return is_ready() || process_->wait(0ms).value_or(true); }));
    ASSERT_TRUE(is_ready()) << log_text();
  }

  /// Starts it, for one that may never be ready.
  void launch(const std::vector<std::string>& more = {}) {
    std::vector<std::string> argv = {
        (build_.bin / "postgres").string(),
        "-D",
        pgdata().string(),
        fmt::format("-cport={}", port_),
        fmt::format("-cunix_socket_directories={}", sockets().string()),
        "-cshared_buffers=16MB",
        "-cfsync=off"};
    argv.push_back(address_.empty() ? "-clisten_addresses=" : "-clisten_addresses=" + address_);
    for (const std::string& setting : more) argv.push_back("-c" + setting);
    const Fd log = open_file(directory_ / "log", O_WRONLY | O_CREAT | O_APPEND).value();
    auto process = start_detached(
        {.argv = argv, .environment = clean_environment(), .user = server_user()}, log.get());
    ASSERT_OK(process);
    process_ = std::move(*process);
  }
  /// Whether it ended by itself; then it is not there any more.
  bool ends() {
    if (!process_->wait(30s).value_or(false)) return false;
    process_.reset();
    return true;
  }

  /// From the next start on it also listens on 127.0.0.1.
  void listen() {
    address_ = "127.0.0.1";
    port_ = free_port();
  }

  void stop(int signal = SIGINT) {
    if (!process_) return;
    static_cast<void>(process_->signal(signal).has_value());
    EXPECT_TRUE(process_->wait(30s).value_or(false)) << "the server did not end";
    process_.reset();
  }
  void reload() const { ASSERT_OK(process_->signal(SIGHUP)); }
  pid_t pid() const { return process_ ? process_->pid() : 0; }

  Result<postgres::Connection> connect(
      const std::string& role = std::string(postgres::control_role)) const {
    return postgres::Connection::open({.socket_directory = sockets(),
                                       .port = port_,
                                       .role = role,
                                       .database = "postgres",
                                       .server_major = build_.major},
                                      30s, never_);
  }

  /// The first value that a statement gives; a failure of the test when it gives none.
  std::string value(const std::string& sql) const {
    auto connection = connect();
    if (!connection) {
      ADD_FAILURE() << connection.error().message;
      return {};
    }
    const auto rows = connection->query(sql, 30s);
    if (!rows) {
      ADD_FAILURE() << sql << ": " << rows.error().message;
      return {};
    }
    return rows->empty() || rows->front().empty() ? "" : rows->front().front().value_or("");
  }
  std::string log_text() const { return read_file(directory_ / "log").value_or(""); }

 private:
  void ensure(const fs::path& directory) const {
    const ActAs owner(user_);
    ensure_directory(directory, 0700).value();
  }
  std::optional<OsUser> server_user() const {
    return running_as_root() ? std::optional(user_) : std::nullopt;
  }
  bool is_ready() const {
    const ActAs owner(user_);
    const auto server = postgres::running_server(pgdata());
    return server && *server && (*server)->pid == pid() && (*server)->status == "ready";
  }

  postgres::Build build_;
  OsUser user_;
  fs::path directory_;
  int port_ = 5432;
  std::string address_;
  std::optional<Process> process_;
  Cancellation never_;
};

/// A test that runs on one major. Skipped where it is not installed; under VELO_TEST_REQUIRE that
/// is a failure.
class ServerTest : public testing::Test {
 protected:
  /// 0: the newest there is.
  void choose(int major) {
    auto build = postgres::choose_build(installed_builds(), major);
    if (!build && environment_variable("VELO_TEST_REQUIRE").empty()) {
      GTEST_SKIP() << build.error().message;
    }
    ASSERT_OK(build);
    if (running_as_root()) {
      ASSERT_EQ(::chown(scratch.path().c_str(), user.uid, user.gid), 0);
    }
    server.emplace(*build, user, scratch / "main");
  }
  void SetUp() override { choose(0); }

  Scratch scratch;
  OsUser user = servers_user();
  std::optional<TestServer> server;
};

/// A test for each major that Velo knows.
class EachMajorTest : public ServerTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override { choose(GetParam()); }
};

inline auto all_majors() {
  return testing::Range(postgres::oldest_major, postgres::newest_major + 1);
}
inline std::string name_of_major(const testing::TestParamInfo<int>& info) {
  return fmt::format("PostgreSQL{}", info.param);
}

}  // namespace velo::test

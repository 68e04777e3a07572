// Making a cluster, and who gets into it.
#include <libpq-fe.h>

#include "contract/postgres_server.h"
#include "postgres/certificate.h"
#include "postgres/scram.h"

namespace velo::postgres {
namespace {

using namespace std::chrono_literals;
using test::put;
using test::wait_until;

class PostgresCluster : public test::EachMajorTest {};
INSTANTIATE_TEST_SUITE_P(All, PostgresCluster, test::all_majors(), test::name_of_major);

TEST_P(PostgresCluster, IsMadeWithChecksumsAndUtf8) {
  server->make({{"work_mem", "5MB"}});
  EXPECT_EQ(read_major(server->pgdata()).value(), GetParam());
  EXPECT_EQ(server->value("SHOW data_checksums"), "on");
  EXPECT_EQ(server->value("SHOW server_encoding"), "UTF8");
  EXPECT_EQ(server->value("SELECT datcollate FROM pg_database WHERE datname = 'template1'"),
            "C.UTF-8");
  EXPECT_EQ(server->value("SHOW work_mem"), "5MB");
  if (GetParam() >= 17) {
    EXPECT_EQ(server->value("SELECT datlocprovider FROM pg_database WHERE datname = 'template1'"),
              "b");
  }
}

TEST_P(PostgresCluster, TellsItsStateFromItsFiles) {
  ASSERT_OK(make_cluster(server->build(), server->pgdata(), user, {}, {}));
  EXPECT_EQ(read_control_file(server->pgdata()).value().state, ClusterState::shut_down);
  EXPECT_FALSE(running_server(server->pgdata()).value().has_value());

  server->start();
  const ActAs owner(user);
  const auto running = running_server(server->pgdata());
  ASSERT_TRUE(running.has_value() && running->has_value());
  EXPECT_EQ((*running)->pid, server->pid());
  EXPECT_EQ((*running)->port, server->port());
  EXPECT_EQ((*running)->socket_directory, server->sockets());
  EXPECT_EQ((*running)->data_directory, server->pgdata());
  EXPECT_EQ(read_control_file(server->pgdata()).value().state, ClusterState::in_production);

  server->stop(SIGQUIT);
  EXPECT_EQ(read_control_file(server->pgdata()).value().state, ClusterState::in_production);
  put(server->pgdata() / "postmaster.pid", "1\n/x\n");
  EXPECT_FALSE(running_server(server->pgdata()).value().has_value());
}

TEST_P(PostgresCluster, TheControlFileNamesItsSystem) {
  server->make();
  const auto control = read_control_file(server->pgdata());
  ASSERT_OK(control);
  EXPECT_EQ(std::to_string(control->system_identifier),
            server->value("SELECT system_identifier FROM pg_control_system()"));
  EXPECT_EQ(std::to_string(control->segment_size),
            server->value("SELECT setting FROM pg_settings WHERE name = 'wal_segment_size'"));
}

TEST_P(PostgresCluster, SaysWhyItCouldNotBeMade) {
  fs::create_directory(server->pgdata());
  put(server->pgdata() / "something", "");
  const auto made = make_cluster(server->build(), server->pgdata(), user, {}, {});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code, Errc::server);
  EXPECT_FALSE(made.error().detail.empty());
}

/// A login over TCP, as a user's.
class Login {
 public:
  Login(const test::TestServer& server, const std::string& rest)
      : connection_(PQconnectdb(fmt::format("hostaddr=127.0.0.1 port={} dbname=postgres "
                                            "passfile=/dev/null/none sslcert=/dev/null/none "
                                            "connect_timeout=10 {}",
                                            server.port(), rest)
                                    .c_str())) {}
  Login(const Login&) = delete;
  Login& operator=(const Login&) = delete;
  Login(Login&&) = delete;
  Login& operator=(Login&&) = delete;
  ~Login() { PQfinish(connection_); }
  bool worked() const { return PQstatus(connection_) == CONNECTION_OK; }
  bool is_encrypted() const { return PQsslInUse(connection_) == 1; }
  std::string error() const { return PQerrorMessage(connection_); }

 private:
  PGconn* connection_;
};

class PostgresGate : public test::EachMajorTest {
 protected:
  void make_listening() {
    server->listen();
    server->make();
  }
  void open_files() {
    const ActAs owner(user);
    ASSERT_OK(open_gate(server->pgdata()));
  }
  void open() {
    open_files();
    server->reload();
  }
};
INSTANTIATE_TEST_SUITE_P(All, PostgresGate, test::all_majors(), test::name_of_major);

TEST_P(PostgresGate, AdmitsOnlyVeloUntilItIsOpened) {
  make_listening();
  auto control = server->connect();
  ASSERT_OK(control);
  const std::string verifier = scram_verifier("secret").value();
  ASSERT_OK(
      control->query(fmt::format("ALTER ROLE postgres PASSWORD {}", quote_literal(verifier)), 30s));
  EXPECT_EQ(server->value("SELECT rolpassword FROM pg_authid WHERE rolname = 'postgres'"),
            verifier);

  const std::string user_login = "user=postgres password=secret";
  EXPECT_FALSE(test::wait_until([&] { return Login(*server, user_login).worked(); }, 0ms));
  open();
  EXPECT_TRUE(wait_until([&] { return Login(*server, user_login).worked(); }));
  EXPECT_FALSE(Login(*server, "user=postgres password=wrong").worked());
  EXPECT_FALSE(server->connect("postgres").has_value()) << "trusted without a password";
  EXPECT_TRUE(server->connect().has_value());
}

TEST_P(PostgresGate, RefusesTheControlRoleOverTcp) {
  make_listening();
  open();
  ASSERT_TRUE(wait_until([&] { return !server->connect("postgres").has_value(); }));
  for (const char* rest : {"", " replication=true", " replication=database"}) {
    const Login login(*server, fmt::format("user={}{}", control_role, rest));
    EXPECT_FALSE(login.worked());
    EXPECT_NE(login.error().find("pg_hba.conf reject"), std::string::npos) << login.error();
  }
}

TEST_P(PostgresGate, ServesTlsWithACertificateThatIsItsOwnRoot) {
  make_listening();
  const Certificate certificate = make_certificate("velo test").value();
  {
    const ActAs owner(user);
    put(server->root() / "server.crt", certificate.certificate_pem);
    put(server->root() / "server.key", certificate.key_pem);
  }
  server->stop();
  open_files();
  server->start({"ssl=on",
                 fmt::format("ssl_cert_file={}", (server->root() / "server.crt").string()),
                 fmt::format("ssl_key_file={}", (server->root() / "server.key").string())});
  const std::string verifier = scram_verifier("secret").value();
  server->value(fmt::format("ALTER ROLE postgres PASSWORD {}", quote_literal(verifier)));

  const std::string root = (server->root() / "server.crt").string();
  for (const char* host : {"localhost", "127.0.0.1"}) {
    const Login login(*server, fmt::format("user=postgres password=secret host={} "
                                           "sslmode=verify-full sslrootcert={}",
                                           host, root));
    EXPECT_TRUE(login.worked()) << login.error();
    EXPECT_TRUE(login.is_encrypted());
  }
  EXPECT_FALSE(Login(*server, fmt::format("user=postgres password=secret host=elsewhere "
                                          "sslmode=verify-full sslrootcert={}",
                                          root))
                   .worked());
  put(scratch / "other.crt", make_certificate("velo test").value().certificate_pem, 0644);
  EXPECT_FALSE(Login(*server, fmt::format("user=postgres password=secret host=localhost "
                                          "sslmode=verify-ca sslrootcert={}",
                                          (scratch / "other.crt").string()))
                   .worked());
}

}  // namespace
}  // namespace velo::postgres

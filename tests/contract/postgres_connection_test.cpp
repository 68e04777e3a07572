// The control connection, to real servers.
#include <thread>

#include "contract/postgres_server.h"

namespace velo::postgres {
namespace {

using namespace std::chrono_literals;

class PostgresControl : public test::EachMajorTest {};
INSTANTIATE_TEST_SUITE_P(All, PostgresControl, test::all_majors(), test::name_of_major);

TEST_P(PostgresControl, IsNotBentByAUsersSettings) {
  server->make();
  auto connection = server->connect();
  ASSERT_OK(connection);
  std::string sql = fmt::format(
      "ALTER ROLE {0} SET statement_timeout = 1; ALTER ROLE {0} SET search_path = nowhere;"
      "ALTER ROLE {0} SET default_transaction_read_only = on;"
      "ALTER ROLE {0} SET session_preload_libraries = 'nosuchlibrary';"
      "ALTER ROLE {0} SET standard_conforming_strings = off;"
      "ALTER DATABASE postgres SET synchronous_commit = on;"
      "ALTER DATABASE postgres SET default_transaction_isolation = serializable;"
      "ALTER DATABASE postgres SET client_min_messages = debug5;",
      control_role);
  if (GetParam() >= 14) {
    sql += fmt::format("ALTER ROLE {} SET idle_session_timeout = 1;", control_role);
  }
  if (GetParam() >= 17) {
    sql += fmt::format(
        "ALTER ROLE {} SET transaction_timeout = 1;"
        "CREATE FUNCTION nobody() RETURNS event_trigger LANGUAGE plpgsql AS "
        "$$BEGIN RAISE 'nobody comes in'; END$$;"
        "CREATE EVENT TRIGGER nobody ON login EXECUTE FUNCTION nobody();"
        "ALTER EVENT TRIGGER nobody ENABLE ALWAYS;",
        control_role);
  }
  ASSERT_OK(connection->query("SET search_path = public, pg_catalog; " + sql, 30s));

  EXPECT_EQ(server->value("SHOW statement_timeout"), "0");
  EXPECT_EQ(server->value("SHOW search_path"), "pg_catalog");
  EXPECT_EQ(server->value("SHOW default_transaction_read_only"), "off");
  EXPECT_EQ(server->value("SHOW default_transaction_isolation"), "read committed");
  EXPECT_EQ(server->value("SHOW synchronous_commit"), "local");
  EXPECT_EQ(server->value("SHOW client_min_messages"), "warning");
  EXPECT_EQ(server->value("SHOW application_name"), "velo");
  EXPECT_EQ(server->value("SELECT 'a\\b'"), "a\\b");
}

class PostgresQuery : public test::ServerTest {
 protected:
  void SetUp() override {
    ServerTest::SetUp();
    if (!server) return;
    server->make();
    auto opened = server->connect();
    ASSERT_OK(opened);
    connection.emplace(std::move(*opened));
  }
  Result<Rows> query(const std::string& sql) { return connection->query(sql, 30s); }
  const Cancellation never;
  std::optional<Connection> connection;
};

TEST_F(PostgresQuery, ReturnsTheLastStatementsRows) {
  EXPECT_EQ(query("SELECT 1; SELECT 2, NULL, ''").value(),
            (Rows{{std::string("2"), std::nullopt, std::string()}}));
  EXPECT_TRUE(query("SELECT 1; CREATE TABLE public.t (id int)").value().empty());
  EXPECT_TRUE(query("").value().empty());
}

TEST_F(PostgresQuery, PassesParametersUnquoted) {
  const std::string nasty = "'; DROP TABLE t; --\\";
  EXPECT_EQ(connection->query("SELECT $1::text", {nasty}, 30s).value(), (Rows{{nasty}}));
  EXPECT_EQ(query("SELECT " + quote_literal(nasty)).value(), (Rows{{nasty}}));
}

TEST_F(PostgresQuery, TellsTheServersMessageAndItsDetail) {
  const auto failed =
      query("DO $$BEGIN RAISE 'it broke' USING DETAIL = 'in two', HINT = 'glue'; END$$");
  ASSERT_FALSE(failed.has_value());
  EXPECT_EQ(failed.error().code, Errc::server);
  EXPECT_EQ(failed.error().message, "it broke");
  EXPECT_EQ(failed.error().detail, "DETAIL: in two\nHINT: glue");
  EXPECT_EQ(query("SELECT 1").value(), (Rows{{"1"}}));
}

TEST_F(PostgresQuery, StopsAStatementAtItsDeadlineAndGoesOn) {
  const auto started = std::chrono::steady_clock::now();
  const auto late = connection->query("SELECT pg_sleep(60)", 100ms);
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().code, Errc::server);
  EXPECT_LT(std::chrono::steady_clock::now() - started, 20s);
  EXPECT_EQ(query("SELECT 1").value(), (Rows{{"1"}}));
}

TEST_F(PostgresQuery, StopsAStatementWhenCancelled) {
  Cancellation cancel;
  auto cancellable = Connection::open(
      {.socket_directory = server->sockets(), .port = server->port()}, 30s, cancel);
  ASSERT_OK(cancellable);
  ASSERT_OK(cancellable->send("SELECT pg_sleep(60)"));
  const std::string running =
      "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)' AND state = "
      "'active' AND pid <> pg_backend_pid()";
  ASSERT_TRUE(test::wait_until([&] { return server->value(running) == "1"; }));
  const std::jthread canceller([&] { cancel.request(); });
  const auto stopped = cancellable->finish(60s);
  ASSERT_FALSE(stopped.has_value());
  EXPECT_EQ(stopped.error().code, Errc::interrupted);
  EXPECT_TRUE(test::wait_until([&] { return server->value(running) == "0"; }));
}

TEST_F(PostgresQuery, SendsWithoutWaiting) {
  ASSERT_OK(connection->send("SELECT pg_sleep(0.05), 7"));
  EXPECT_EQ(connection->finish(30s).value()[0][1], "7");
}

TEST_F(PostgresQuery, ReadsAndSendsMuch) {
  const std::string much(8U << 20U, 'x');
  EXPECT_EQ(connection->query("SELECT length($1)", {much}, 30s).value(), (Rows{{"8388608"}}));
  EXPECT_EQ(query("SELECT repeat('y', 8388608)").value()[0][0]->size(), much.size());
}

TEST_F(PostgresQuery, FailsWhenTheServerIsGone) {
  server->stop(SIGQUIT);
  const auto failed = query("SELECT 1");
  ASSERT_FALSE(failed.has_value());
  EXPECT_FALSE(failed.error().message.empty());
  EXPECT_FALSE(query("SELECT 1").has_value());
}

TEST_F(PostgresQuery, RefusesCopy) {
  EXPECT_FALSE(query("COPY pg_class TO STDOUT").has_value());
}

TEST_F(PostgresQuery, GetsInThroughTemplate1WhenThePostgresDatabaseIsGone) {
  connection.reset();
  const Connection::Target target = {.socket_directory = server->sockets(), .port = server->port()};
  {
    Connection::Target in_template = target;
    in_template.database = "template1";
    auto other = Connection::open(in_template, 30s, never);
    ASSERT_OK(other);
    ASSERT_OK(other->query("DROP DATABASE postgres WITH (FORCE)", 30s));
  }
  EXPECT_FALSE(Connection::open(target, 30s, never).has_value());
  auto fallen_back = Connection::open_any(target, 30s, never);
  ASSERT_OK(fallen_back);
  EXPECT_EQ(fallen_back->query("SELECT current_database()", 30s).value(), (Rows{{"template1"}}));
}

TEST_F(PostgresQuery, IsNotMisledByTheEnvironment) {
  ::setenv("PGHOST", "/nowhere", 1);
  ::setenv("PGUSER", "nobody", 1);
  ::setenv("PGOPTIONS", "-c search_path=x", 1);
  EXPECT_EQ(server->value("SELECT current_user || current_setting('search_path')"),
            "velo_controlpg_catalog");
  static_cast<void>(scrub_environment());
}

}  // namespace
}  // namespace velo::postgres

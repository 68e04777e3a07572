#include "postgres/connection.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

TEST(PostgresConnection, QuotesLiteralsAndIdentifiers) {
  EXPECT_EQ(quote_literal("it's"), "'it''s'");
  EXPECT_EQ(quote_literal("a\\b"), "E'a\\\\b'");
  EXPECT_EQ(quote_identifier("a\"b"), "\"a\"\"b\"");
}

TEST(PostgresConnection, TakesLibpqsVariablesOutOfTheEnvironment) {
  ::setenv("PGHOST", "elsewhere", 1);
  ::setenv("PGSERVICEFILE", "/x", 1);
  ::setenv("PGOPTIONS", "-c a=b", 1);
  ::setenv("PGTZ", "UTC", 1);
  ::setenv("NOT_PG", "stays", 1);
  const auto removed = scrub_environment();
  for (const char* line :
       {"PGHOST=elsewhere", "PGSERVICEFILE=/x", "PGOPTIONS=-c a=b", "PGTZ=UTC"}) {
    EXPECT_NE(std::ranges::find(removed, line), removed.end()) << line;
  }
  EXPECT_EQ(std::getenv("PGHOST"), nullptr);
  EXPECT_EQ(std::getenv("PGSERVICEFILE"), nullptr);
  EXPECT_STREQ(std::getenv("NOT_PG"), "stays");
  EXPECT_TRUE(scrub_environment().empty());
  ::unsetenv("NOT_PG");
}

TEST(PostgresConnection, SaysWhichSocketNobodyListensOn) {
  const test::Scratch directory;
  const Cancellation never;
  const auto connection = Connection::open_any({.socket_directory = directory.path(), .port = 5999},
                                               std::chrono::seconds(5), never);
  ASSERT_FALSE(connection.has_value());
  EXPECT_EQ(connection.error().code, Errc::server);
  EXPECT_NE(connection.error().message.find(directory.path().string()), std::string::npos);
}

TEST(PostgresConnection, StopsWhenCancelledBeforeItConnects) {
  Cancellation cancel;
  cancel.request();
  const test::Scratch directory;
  const auto connection = Connection::open({.socket_directory = directory.path(), .port = 5999},
                                           std::chrono::seconds(5), cancel);
  EXPECT_FALSE(connection.has_value());
}

}  // namespace
}  // namespace velo::postgres

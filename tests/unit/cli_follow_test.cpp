#include "cli/follow.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "base/files.h"
#include "cli/psql.h"

namespace velo::cli {
namespace {

class Follow : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "velo-follow-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    log_ = directory_ / "server.log";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  void append(const std::string& text) const { std::ofstream(log_, std::ios::app) << text; }
  void truncate() const { std::ofstream(log_, std::ios::trunc).flush(); }

  std::filesystem::path directory_;
  std::filesystem::path log_;
};

TEST_F(Follow, StartsAtTheLastLines) {
  append("one\ntwo\nthree\n");
  EXPECT_EQ(Follower(log_, {.lines = 2}).read().value(), "two\nthree\n");
  EXPECT_EQ(Follower(log_, {.lines = 99}).read().value(), "one\ntwo\nthree\n");
  EXPECT_EQ(Follower(log_, {.lines = 0}).read().value(), "");
  EXPECT_EQ(Follower(log_, {.all = true}).read().value(), "one\ntwo\nthree\n");
}

TEST_F(Follow, CountsALineThatHasNoEndYet) {
  append("one\ntwo\nthr");
  EXPECT_EQ(Follower(log_, {.lines = 2}).read().value(), "two\nthr");
}

TEST_F(Follow, FindsTheLastLinesOfALargeFile) {
  append("first\n" + std::string(200'000, 'x') + "\nlast\n");
  EXPECT_EQ(Follower(log_, {.lines = 1}).read().value(), "last\n");
  EXPECT_EQ(Follower(log_, {.lines = 3}).read().value().substr(0, 6), "first\n");
}

TEST_F(Follow, ReadsOnlyWhatIsNew) {
  append("one\n");
  Follower follower(log_, {.lines = 10});
  EXPECT_EQ(follower.read().value(), "one\n");
  EXPECT_EQ(follower.read().value(), "");
  append("two\n");
  EXPECT_EQ(follower.read().value(), "two\n");
}

TEST_F(Follow, WaitsForAFileThatIsNotThereYetAndReadsAllOfIt) {
  Follower follower(log_, {.lines = 1});
  EXPECT_EQ(follower.read().value(), "");
  append("one\ntwo\n");
  EXPECT_EQ(follower.read().value(), "one\ntwo\n");
}

TEST_F(Follow, GoesOnAfterATruncation) {
  append("a long line\n");
  Follower follower(log_, {.lines = 10});
  ASSERT_TRUE(follower.read());
  truncate();
  append("new\n");
  EXPECT_EQ(follower.read().value(), "new\n");
}

TEST_F(Follow, GoesOnInTheNextFileAfterARotation) {
  append("one\n");
  Follower follower(log_, {.lines = 10});
  ASSERT_TRUE(follower.read());
  append("last of the old\n");
  std::filesystem::rename(log_, directory_ / "server.log.1");
  append("first of the new\n");
  EXPECT_EQ(follower.read().value(), "last of the old\nfirst of the new\n");
}

TEST_F(Follow, GoesOnInAFileOfAnotherName) {
  append("one\n");
  Follower follower(log_, {.lines = 10});
  ASSERT_TRUE(follower.read());
  const auto next = directory_ / "next.log";
  std::ofstream(next) << "two\n";
  follower.move_to(next);
  EXPECT_EQ(follower.read().value(), "two\n");
}

TEST(PsqlEnvironment, KeepsTheUsersHabitsAndLeadsNowhereElse) {
  engine::ConnectionView connection;
  connection.host = "127.0.0.1";
  connection.port = 20001;
  connection.user = "postgres";
  connection.password = "secret";
  connection.database = "postgres";
  const auto environment = psql_environment(
      {"PAGER=less", "EDITOR=vi"},
      {"PGHOST=prod", "PGSERVICE=prod", "PGPASSFILE=/x", "PGAPPNAME=me", "PGTZ=UTC"}, connection);
  EXPECT_EQ(environment,
            (std::vector<std::string>{"PAGER=less", "EDITOR=vi", "PGAPPNAME=me", "PGTZ=UTC",
                                      "PGHOST=127.0.0.1", "PGPORT=20001", "PGUSER=postgres",
                                      "PGPASSWORD=secret", "PGDATABASE=postgres"}));
}

}  // namespace
}  // namespace velo::cli

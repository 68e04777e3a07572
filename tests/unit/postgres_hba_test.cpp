#include "postgres/hba.h"

#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

using test::mode_of;
using test::put;
using test::Scratch;
using test::text_of;

constexpr std::string_view users_own = "# mine\nhost all all all md5\n";

class PostgresHba : public testing::Test {
 protected:
  fs::path active() const { return pgdata / "pg_hba.conf"; }
  fs::path waiting() const { return pgdata / "pg_hba.conf.open"; }
  std::string text() const { return text_of(active()); }
  void close() const { ASSERT_OK(close_gate(pgdata.path())); }
  void open() const { ASSERT_OK(open_gate(pgdata.path())); }
  Scratch pgdata;
};

TEST_F(PostgresHba, PutsTheControlLinesFirst) {
  put(active(), users_own);
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_TRUE(text().starts_with("# velo: begin"));
  EXPECT_TRUE(text().ends_with(users_own));
  EXPECT_LT(text().find("velo_control"), text().find("# velo: end"));
  EXPECT_EQ(mode_of(active()), 0600U);
  EXPECT_FALSE(ensure_control_lines(pgdata.path()).value());
}

TEST_F(PostgresHba, PutsDamagedOrMovedControlLinesRight) {
  put(active(), users_own);
  ASSERT_OK(ensure_control_lines(pgdata.path()));
  const std::string right = text();
  const std::size_t end = right.find("# velo: end");
  const std::string block = right.substr(0, right.find(users_own));

  put(active(), std::string(users_own) + block);
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_EQ(text(), right);

  put(active(), right.substr(0, end) + std::string(users_own));
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_EQ(text(), right);

  put(active(), "local all all reject\n" + right);
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_EQ(text(), block + "local all all reject\n" + std::string(users_own));
}

TEST_F(PostgresHba, FallsBackToPasswordsWhenTheFileIsGoneOrBlank) {
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_TRUE(text().ends_with(default_hba));
  put(active(), "\n\n");
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_TRUE(text().ends_with(default_hba));
}

TEST_F(PostgresHba, AClosedGateHoldsNothingButTheBlock) {
  put(active(), users_own);
  close();
  EXPECT_EQ(gate_of(pgdata.path()), Gate::closed);
  EXPECT_TRUE(text().starts_with("# velo: begin"));
  EXPECT_TRUE(text().ends_with("# velo: end\n"));
  EXPECT_EQ(text_of(waiting()), users_own);
}

TEST_F(PostgresHba, OpeningBringsTheUsersLinesBackBehindTheBlock) {
  put(active(), users_own);
  close();
  open();
  EXPECT_EQ(gate_of(pgdata.path()), Gate::open);
  EXPECT_TRUE(text().starts_with("# velo: begin"));
  EXPECT_TRUE(text().ends_with(users_own));
  EXPECT_FALSE(path_exists(waiting()));
}

TEST_F(PostgresHba, ClosingAndOpeningAgainChangesNothing) {
  put(active(), users_own);
  close();
  const std::string closed = text();
  close();
  EXPECT_EQ(text(), closed);
  EXPECT_EQ(text_of(waiting()), users_own);
  open();
  const std::string opened = text();
  open();
  EXPECT_EQ(text(), opened);
}

TEST_F(PostgresHba, ACrashBetweenTheStepsOfClosingLeavesItClosed) {
  put(waiting(), users_own);  // renamed, and the block not yet written
  EXPECT_EQ(gate_of(pgdata.path()), Gate::closed);
  close();
  EXPECT_TRUE(text().ends_with("# velo: end\n"));
  EXPECT_EQ(text_of(waiting()), users_own);
}

TEST_F(PostgresHba, MissingControlLinesDoNotOpenAClosedGate) {
  put(waiting(), users_own);
  EXPECT_TRUE(ensure_control_lines(pgdata.path()).value());
  EXPECT_TRUE(text().ends_with("# velo: end\n"));
}

TEST_F(PostgresHba, ClosesAndOpensWithoutAnyFile) {
  close();
  EXPECT_EQ(gate_of(pgdata.path()), Gate::closed);
  open();
  EXPECT_TRUE(text().ends_with(default_hba));
}

TEST_F(PostgresHba, WritesNothingThroughALink) {
  put(pgdata / "elsewhere", users_own);
  fs::create_directory(pgdata / "data");
  fs::create_symlink(pgdata / "elsewhere", pgdata / "data/pg_hba.conf");
  ASSERT_OK(close_gate(pgdata / "data"));
  ASSERT_OK(open_gate(pgdata / "data"));
  EXPECT_EQ(text_of(pgdata / "elsewhere"), users_own);
  EXPECT_TRUE(text_of(pgdata / "data/pg_hba.conf").ends_with(users_own));
}

}  // namespace
}  // namespace velo::postgres

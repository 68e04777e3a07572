#include "catalog/health.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/files.h"
#include "catalog/catalog.h"
#include "support/environment.h"

namespace velo::catalog {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class CatalogHealth : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(Catalog::open(path)); }

  void execute(const std::string& sql) const {
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE);
    database.exec(sql);
  }
  /// All of it in the one file.
  void settle() const { execute("PRAGMA wal_checkpoint(TRUNCATE)"); }

  test::TempDirectory directory;
  fs::path path = directory.path() / "state.db";
};

TEST_F(CatalogHealth, ANewOneIsSoundAndOfTheNewestVersion) {
  const auto health = examine(path);
  ASSERT_TRUE(health) << health.error().message;
  EXPECT_THAT(health->damage, IsEmpty());
  EXPECT_EQ(health->schema_version, health->newest_version);
}

TEST_F(CatalogHealth, ANewerOneSaysSo) {
  execute("PRAGMA user_version = 99");
  EXPECT_EQ(examine(path)->schema_version, 99);
}

TEST_F(CatalogHealth, ARowThatPointsNowhereIsDamage) {
  execute(
      "PRAGMA foreign_keys = OFF; INSERT INTO endpoint (branch_id, address, port, active) VALUES "
      "('x', '127.0.0.1', 1, 1)");
  ASSERT_EQ(examine(path)->damage.size(), 1U);
  EXPECT_THAT(examine(path)->damage.front(), HasSubstr("endpoint"));
}

TEST_F(CatalogHealth, AnOverwrittenPageIsDamageOrAnError) {
  settle();
  constexpr std::streamoff page = 4096;
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(3 * page);
  file << std::string(page, '\x55');
  file.close();
  const auto health = examine(path);
  EXPECT_TRUE(!health || !health->damage.empty());
}

TEST_F(CatalogHealth, WhatIsNoDatabaseIsAnErrorAndStaysAsItIs) {
  settle();
  const std::string rubbish(8192, 'x');
  std::ofstream(path, std::ios::trunc) << rubbish;
  const auto health = examine(path);
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().code, Errc::state);
  EXPECT_EQ(read_file(path).value(), rubbish);
}

TEST_F(CatalogHealth, AMissingOneIsNotMade) {
  const fs::path missing = directory.path() / "none.db";
  EXPECT_EQ(examine(missing).error().code, Errc::not_found);
  EXPECT_FALSE(path_exists(missing));
}

}  // namespace
}  // namespace velo::catalog

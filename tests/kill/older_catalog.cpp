#include "older_catalog.h"

#include <SQLiteCpp/SQLiteCpp.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"
#include "catalog/schema.h"
#include "support/velo.h"

namespace velo::test {
namespace {

std::vector<std::string> first_column(SQLite::Database& database, const std::string& sql) {
  SQLite::Statement statement(database, sql);
  std::vector<std::string> texts;
  while (statement.executeStep()) texts.push_back(statement.getColumn(0).getString());
  return texts;
}

std::vector<std::string> columns_of(SQLite::Database& database, const std::string& schema,
                                    const std::string& table) {
  return first_column(database,
                      fmt::format("SELECT name FROM pragma_table_info('{}', '{}')", table, schema));
}

}  // namespace

void make_older(const std::filesystem::path& path) {
  const fs::path older = path.string() + ".older";
  {
    SQLite::Database database(older.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA foreign_keys = OFF");
    const auto& all = catalog::migrations();
    for (std::size_t i = 0; i + 1 < all.size(); ++i) database.exec(std::string(all[i]));
    database.exec(fmt::format("PRAGMA user_version = {}", all.size() - 1));
    database.exec("ATTACH '" + path.string() + "' AS present");
    for (const std::string& table :
         first_column(database,
                      "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT "
                      "LIKE 'sqlite_%'")) {
      const auto present = columns_of(database, "present", table);
      std::vector<std::string> shared = columns_of(database, "main", table);
      std::erase_if(shared, [&](const std::string& column) {
        return std::ranges::count(present, column) == 0;
      });
      const std::string list = fmt::format("{}", fmt::join(shared, ", "));
      database.exec(fmt::format("INSERT OR REPLACE INTO main.{0} ({1}) SELECT {1} FROM present.{0}",
                                table, list));
    }
    database.exec("DETACH present; PRAGMA wal_checkpoint(TRUNCATE)");
  }
  for (const char* end : {"", "-wal", "-shm"}) fs::remove(path.string() + end);
  for (const char* end : {"-wal", "-shm"}) fs::remove(older.string() + end);
  fs::permissions(older, fs::perms::owner_read | fs::perms::owner_write);
  fs::rename(older, path);
}

int schema_version(const std::filesystem::path& path) {
  SQLite::Database database(path.string(), SQLite::OPEN_READONLY);
  return database.execAndGet("PRAGMA user_version").getInt();
}

}  // namespace velo::test

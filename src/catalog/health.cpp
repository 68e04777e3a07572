#include "catalog/health.h"

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include "base/files.h"
#include "catalog/schema.h"
#include "catalog/tally.h"

namespace velo::catalog {
namespace {

constexpr int patience_ms = 1000;
constexpr int most_lines = 5;

}  // namespace

Result<Health> examine(const fs::path& path) {
  if (!path_exists(path)) return fail(Errc::not_found, "there is no {}", path.string());
  std::error_code ignored;
  if (fs::file_size(path, ignored) == 0) {
    // SQLite would take it for a new one, and throw its log away.
    return Health{.schema_version = 0,
                  .newest_version = static_cast<int>(migrations().size()),
                  .damage = {"it is empty"}};
  }
  std::int64_t noted = 0;
  if (path_exists(tally_of(path))) noted = TRY(Tally::open(path)).value();
  try {
    // Not read-only: a reader of a database in WAL mode takes part in its shared memory.
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, patience_ms);
    // The last to leave would copy the log back into a file that may be damaged.
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    Health health{.schema_version = database.execAndGet("PRAGMA user_version").getInt(),
                  .newest_version = static_cast<int>(migrations().size()),
                  .damage = {}};
    SQLite::Statement integrity(database, fmt::format("PRAGMA integrity_check({})", most_lines));
    while (integrity.executeStep()) {
      if (const std::string line = integrity.getColumn(0).getString(); line != "ok") {
        health.damage.push_back(line);
      }
    }
    SQLite::Statement keys(database, "PRAGMA foreign_key_check");
    while (keys.executeStep() && health.damage.size() < most_lines) {
      health.damage.push_back(fmt::format("a row of {} points at a row of {} that is gone",
                                          keys.getColumn(0).getString(),
                                          keys.getColumn(2).getString()));
    }
    if (health.schema_version == 0) {
      health.damage.emplace_back("there is nothing in it");
      return health;
    }
    const std::int64_t commits = std::atoll(
        database.execAndGet("SELECT coalesce(max(value), '0') FROM meta WHERE key = 'commits'")
            .getText());
    if (commits < noted) {
      health.damage.push_back(fmt::format("its last {} changes are missing", noted - commits));
    }
    return health;
  } catch (const SQLite::Exception& e) {
    return fail(Errc::state, "{}: {}", path.string(), e.what());
  }
}

}  // namespace velo::catalog

// Opening the catalog: its database made, brought up to date, set up to be durable.
#include <fcntl.h>
#include <sqlite3.h>

#include "base/crypto.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "catalog/guarded.h"
#include "catalog/schema.h"

namespace velo::catalog {
namespace {

constexpr int busy_timeout_ms = 60'000;

int schema_version(SQLite::Database& database) {
  return database.execAndGet("PRAGMA user_version").getInt();
}

/// Brings an older (or empty) database up to date, one transaction for all steps.
Result<void> migrate(SQLite::Database& database, const fs::path& path) {
  const int newest = static_cast<int>(migrations().size());
  int version = schema_version(database);
  if (version == newest) return {};
  if (version > newest) {
    return fail_with_hint(Errc::state,
                          fmt::format("{} has schema version {}, and this velo knows up to {}",
                                      path.string(), version, newest),
                          "use the newer velo that wrote it");
  }
  if (version > 0) {
    const std::string backup = fmt::format("{}.before-{}", path.string(), version + 1);
    TRY(remove_file(backup));
    SQLite::Statement copy(database, "VACUUM INTO ?");
    copy.bind(1, backup);
    copy.exec();
  }
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  version = schema_version(database);  // another process may have been faster
  for (; version < newest; ++version) {
    database.exec(std::string(migrations().at(static_cast<size_t>(version))));
    database.exec(fmt::format("PRAGMA user_version = {}", version + 1));
  }
  SQLite::Statement home(database, "INSERT OR IGNORE INTO meta (key, value) VALUES ('home_id', ?)");
  home.bind(1, TRY(random_id()));
  home.exec();
  transaction.commit();
  return {};
}

}  // namespace

std::unexpected<Error> to_error(const SQLite::Exception& e) {
  Error error{.code = Errc::state,
              .message = fmt::format("the catalog failed: {}", e.what()),
              .hint = {},
              .detail = {}};
  switch (e.getErrorCode()) {
    case SQLITE_FULL:
      error.code = Errc::no_space;
      error.hint = "free some room on the file system of VELO_HOME, then try again";
      break;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
      error.code = Errc::permission;
      error.hint = "VELO_HOME and everything in it must belong to you and be writable";
      break;
    case SQLITE_BUSY:
      error.code = Errc::in_use;
      error.hint = "another command held it for too long; see velo operations";
      break;
    case SQLITE_CONSTRAINT:
      error.code = Errc::already_exists;
      break;
    default:
      break;
  }
  return std::unexpected(std::move(error));
}

Catalog::Catalog(std::unique_ptr<SQLite::Database> database) : database_(std::move(database)) {}
Catalog::Catalog(Catalog&&) noexcept = default;
Catalog& Catalog::operator=(Catalog&&) noexcept = default;
Catalog::~Catalog() = default;

Result<Catalog> Catalog::prepare(std::unique_ptr<SQLite::Database> database, const fs::path& path) {
  TRY(migrate(*database, path));
  Catalog catalog(std::move(database));
  SQLite::Statement home(*catalog.database_, "SELECT value FROM meta WHERE key = 'home_id'");
  if (!home.executeStep()) return fail(Errc::state, "{} has no home id", path.string());
  catalog.home_id_ = home.getColumn(0).getString();
  return catalog;
}

Result<Catalog> Catalog::open(const fs::path& path) {
  return guarded([&]() -> Result<Catalog> {
    const bool is_new = !path_exists(path);
    if (is_new) TRY(open_file(path, O_RDWR | O_CREAT, 0600));
    auto database = std::make_unique<SQLite::Database>(
        path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, busy_timeout_ms);
    // The last connection to close would copy the whole log back and sync twice, on the way of
    // every command; SQLite still does so by itself each 1000 pages.
    sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    if (is_new || schema_version(*database) == 0) database->exec("PRAGMA journal_mode = WAL");
    database->exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    return prepare(std::move(database), path);
  });
}

Result<Catalog> Catalog::in_memory() {
  return guarded([]() -> Result<Catalog> {
    const std::string nowhere = ":memory:";
    return prepare(
        std::make_unique<SQLite::Database>(nowhere, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE),
        nowhere);
  });
}

}  // namespace velo::catalog

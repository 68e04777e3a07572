// Opening the catalog: its database made, brought up to date, set up to be durable.
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/crypto.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/files.h"
#include "catalog/catalog.h"
#include "catalog/guarded.h"
#include "catalog/schema.h"

namespace velo::catalog {
namespace {

using namespace std::chrono_literals;

constexpr int busy_timeout_ms = 60'000;
/// How long a check of the whole database holds, as long as only Velo writes into it.
constexpr auto check_holds = 60s;

int schema_version(SQLite::Database& database) {
  return database.execAndGet("PRAGMA user_version").getInt();
}

bool is_blank(const fs::path& path) {
  struct stat status{};
  return ::stat(path.c_str(), &status) != 0 || status.st_size == 0;
}

std::unexpected<Error> lost(const fs::path& path) {
  return damaged(fmt::format("the catalog {} is {}, and this home has had one", path.string(),
                             path_exists(path) ? "empty" : "gone"));
}

/// SQLite itself notices damage only in what it happens to read.
Result<void> check_whole(SQLite::Database& database, const fs::path& path) {
  SQLite::Statement integrity(database, "PRAGMA integrity_check(1)");
  if (integrity.executeStep() && integrity.getColumn(0).getString() != "ok") {
    return damaged(fmt::format("the catalog {} is damaged: {}", path.string(),
                               integrity.getColumn(0).getString()));
  }
  return {};
}

/// SQLite takes a log that was cut off for a short one.
Result<void> check_last(SQLite::Database& database, const fs::path& path, std::int64_t noted) {
  SQLite::Statement counted(database, "SELECT value FROM meta WHERE key = 'commits'");
  const std::int64_t commits =
      counted.executeStep() ? std::atoll(counted.getColumn(0).getText()) : 0;
  if (commits >= noted) return {};
  return damaged(
      fmt::format("the catalog {} lacks its last {} changes: it is an older copy, or its log "
                  "{}-wal was damaged",
                  path.string(), noted - commits, path.filename().string()));
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
    TRY(fault_point(Fault::catalog_saved));
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
  TRY(fault_point(Fault::catalog_migrated));
  transaction.commit();
  return {};
}

}  // namespace

std::unexpected<Error> damaged(std::string message) {
  return fail_with_hint(Errc::state, std::move(message),
                        "velo state restore returns to the last good backup, and keeps what is "
                        "there beside it; servers and volumes are not touched by this");
}

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
    case SQLITE_NOMEM:
      return fail_errno(ENOMEM, "read the catalog");
    case SQLITE_CANTOPEN:
      // It does not say why; a descriptor that cannot be had either does.
      if (Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)).get() < 0) {
        return fail_errno(errno, "open the catalog");
      }
      [[fallthrough]];
    case SQLITE_READONLY:
    case SQLITE_PERM:
      error.code = Errc::permission;
      error.hint = "VELO_HOME and everything in it must belong to you and be writable";
      break;
    case SQLITE_BUSY:
      error.code = Errc::in_use;
      error.hint = "another command held it for too long; see velo operations";
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return damaged(fmt::format("the catalog is damaged: {}", e.what()));
    case SQLITE_CONSTRAINT:
      error.code = Errc::already_exists;
      break;
    default:
      break;
  }
  return std::unexpected(std::move(error));
}

constexpr int most_pages_to_read = 128;

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

Result<Catalog> Catalog::open(const fs::path& path, WhenMissing when_missing) {
  return guarded([&]() -> Result<Catalog> {
    Tally tally = TRY(Tally::open(path));
    // Read before the database is, which others change meanwhile: what is noted is in it then.
    const std::int64_t noted = tally.value();
    const bool has_lived = noted > 0 || when_missing == WhenMissing::refuse;
    // SQLite would take an empty file for a new database, and throw its log away.
    if (is_blank(path) && has_lived) return lost(path);
    if (!path_exists(path)) {
      TRY(open_file(path, O_RDWR | O_CREAT, 0600));
      TRY(fault_point(Fault::catalog_made));
    }
    auto database = std::make_unique<SQLite::Database>(
        path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, busy_timeout_ms);
    // The last connection to close would copy the whole log back and sync twice, on the way of
    // every command; the first to open reads and checks the whole log. So the log is copied back
    // when it has grown to some three commands' pages.
    sqlite3_db_config(database->getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    sqlite3_wal_autocheckpoint(database->getHandle(), most_pages_to_read);
    const int version = schema_version(*database);
    if (version == 0 && has_lived) return lost(path);
    Seal seal = Seal::open(path);
    const bool was_checked = seal.holds(check_holds);
    const std::string looked = was_checked ? "" : seal.look();
    if (version > 0 && !was_checked) TRY(check_whole(*database, path));
    if (version > 0) TRY(check_last(*database, path, noted));
    if (database->execAndGet("PRAGMA journal_mode").getString() != "wal") {
      database->exec("PRAGMA journal_mode = WAL");
    }
    database->exec("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    Catalog catalog = TRY(prepare(std::move(database), path));
    if (version > 0) seal.set(looked);
    catalog.tally_ = std::move(tally);
    catalog.seal_ = std::move(seal);
    return catalog;
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

Result<void> Catalog::close_into_one_file(Catalog catalog) {
  return guarded([&]() -> Result<void> {
    catalog.database_->exec("PRAGMA journal_mode = DELETE");
    return {};
  });
}

}  // namespace velo::catalog

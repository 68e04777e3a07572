#include "catalog/backup.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdio>
#include <set>
#include <string>
#include <string_view>

#include "base/fault.h"
#include "base/files.h"
#include "base/lock.h"
#include "catalog/guarded.h"

namespace velo::catalog {
namespace {

constexpr std::string_view prefix = "state-";
constexpr std::string_view suffix = ".db";
constexpr std::size_t newest_kept = 10;
constexpr std::size_t days_kept = 7;
constexpr std::size_t day_length = std::string_view("2025-10-09").size();
constexpr int patience_ms = 1000;

/// A time as a file's name has it, and back: '-' for ':', of which dates have none behind the 'T'.
std::string to_name(Timestamp time) {
  std::string text = to_rfc3339(time);
  std::ranges::replace(text, ':', '-');
  return std::string(prefix) + text + std::string(suffix);
}
Result<Timestamp> from_name(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return fail(Errc::failed, "no backup");
  std::string text(name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()));
  const std::size_t clock = text.find('T');
  if (clock != std::string::npos) {
    std::replace(text.begin() + static_cast<std::ptrdiff_t>(clock), text.end(), '-', ':');
  }
  return parse_rfc3339(text);
}

std::optional<Timestamp> changed_at(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return Timestamp(std::chrono::floor<std::chrono::microseconds>(
      std::chrono::seconds(status.st_mtim.tv_sec) +
      std::chrono::nanoseconds(status.st_mtim.tv_nsec)));
}

/// When the catalog was last written into.
Timestamp changed_last(const fs::path& path) {
  return std::max(changed_at(path).value_or(Timestamp{}),
                  changed_at(path.string() + "-wal").value_or(Timestamp{}));
}

}  // namespace

Result<void> copy_whole(const fs::path& path, const fs::path& target) {
  return guarded([&]() -> Result<void> {
    TRY(open_file(target, O_RDWR | O_CREAT | O_EXCL, 0600));
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, patience_ms);
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    database.exec("PRAGMA synchronous = OFF");
    SQLite::Statement copy(database, "VACUUM INTO ?");
    copy.bind(1, target.string());
    copy.exec();
    return {};
  });
}

std::vector<BackupFile> backups_of(const fs::path& path, const fs::path& directory) {
  std::vector<BackupFile> found;
  for (const auto& name : list_directory(directory).value_or(std::vector<std::string>{})) {
    if (const auto time = from_name(name)) found.push_back({directory / name, *time});
  }
  const std::string before = path.filename().string() + ".before-";
  for (const auto& name : list_directory(path.parent_path()).value_or(std::vector<std::string>{})) {
    if (!name.starts_with(before)) continue;
    const fs::path file = path.parent_path() / name;
    if (const auto time = changed_at(file)) found.push_back({file, *time});
  }
  std::ranges::sort(found, std::ranges::greater{}, &BackupFile::made_at);
  return found;
}

std::vector<BackupFile> superfluous(const std::vector<BackupFile>& all) {
  std::vector<BackupFile> useless;
  std::set<std::string> days;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const bool last_of_day = days.size() < days_kept &&
                             days.insert(to_rfc3339(all[i].made_at).substr(0, day_length)).second;
    if (i >= newest_kept && !last_of_day) useless.push_back(all[i]);
  }
  return useless;
}

Result<void> back_up(const fs::path& path, const fs::path& directory,
                     std::chrono::seconds at_most_every) {
  auto all = backups_of(path, directory);
  if (!all.empty() &&
      (all.front().made_at >= changed_last(path) || now() - all.front().made_at < at_most_every)) {
    return {};
  }
  TRY(ensure_directory(directory, 0700));
  const auto lock = TRY(FileLock::try_acquire(directory / "lock", LockMode::exclusive));
  if (!lock) return {};
  const fs::path draft = directory / "draft";
  TRY(remove_file(draft));
  // Of those that come by themselves nobody knows when they do.
  const auto asked_for = [&](Fault point) -> Result<void> {
    return at_most_every.count() == 0 ? fault_point(point) : Result<void>{};
  };
  TRY(asked_for(Fault::backup_begin));
  const Timestamp made_at = now();
  if (auto copied = copy_whole(path, draft); !copied) {
    static_cast<void>(remove_file(draft));
    return copied;
  }
  TRY(asked_for(Fault::backup_made));
  const fs::path target = directory / to_name(made_at);
  if (std::rename(draft.c_str(), target.c_str()) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("rename {}", draft.string()));
  }
  TRY(asked_for(Fault::backup_named));
  for (const BackupFile& one : superfluous(backups_of(path, directory))) {
    if (one.path.parent_path() == directory) TRY(remove_file(one.path));
  }
  return {};
}

}  // namespace velo::catalog

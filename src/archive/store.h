// One archive of WAL: the finished segments of one incarnation, in a directory of its own.
//
// A file is there as `<name>.zst`, put by this program (one zstd frame that knows its content's
// size and checksum), or plain as `<name>`, put by basic_archive or by a shell
// (runtime/archive_command.h) where servers are containers. Both hold the same promise: a file is
// there whole and durably or not at all, and one that is there is never overwritten. Names that
// begin with '.' are drafts.
//
// An object keeps no state; processes may work on one directory at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace velo::archive {

namespace fs = std::filesystem;

struct Entry {
  std::string name;          ///< without ".zst"
  bool compressed = false;   ///< put by this program
  std::uint64_t stored = 0;  ///< bytes on disk, as the file's size says
  /// Bytes before compression; of compressed files only segments' are known.
  std::optional<std::uint64_t> original;
  Timestamp put_at;  ///< when it was written
};

/// Names are those that postgres::parse_wal_name knows: all else is Errc::usage. A directory that
/// is gone is Errc::storage, so that it never looks like a file that is not there.
class Store {
 public:
  explicit Store(fs::path directory) : directory_(std::move(directory)) {}

  const fs::path& directory() const { return directory_; }

  /// Puts the content of `file` there under `name`, and returns when that is durable. When the same
  /// content is there already that is success; Errc::already_exists names both when another one is.
  Result<void> put(const fs::path& file, std::string_view name) const;

  /// Writes what was put under `name` to `target`, in the place of what is there: whole, or not at
  /// all, and not durably. Errc::not_found when it is not there; Errc::corrupt names the file when
  /// it is not what was put: checksum, truncation; of plain segments also their pages' headers.
  Result<void> get(std::string_view name, const fs::path& target) const;

  /// The file that get() would read; empty when there is none.
  Result<std::optional<fs::path>> locate(std::string_view name) const;
  /// get(), with its file; empty when there is none.
  Result<std::optional<fs::path>> find_and_get(std::string_view name, const fs::path& target) const;

  /// All files, sorted by name. Looks into one of them at most.
  Result<std::vector<Entry>> list() const;

  /// Missing is success. Not durable: after a power loss it may be there again.
  Result<void> remove(std::string_view name) const;

 private:
  fs::path directory_;
};

}  // namespace velo::archive

// How many changes were committed, told by a file beside the database: what shows that the database
// is an older copy, or that its log (state.db-wal), which SQLite reads as far as it is sound and no
// further, was cut off or is gone.
//
// The file is written after each durable commit and never waited for, so that at any crash it holds
// what the database holds, or less: only a database that holds less than the file says lost some.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/error.h"
#include "base/fd.h"

namespace velo::catalog {

/// The tally of a database at `path`: `<path>.tally`.
std::filesystem::path tally_of(const std::filesystem::path& path);

class Tally {
 public:
  Tally() = default;  ///< keeps nothing
  static Result<Tally> open(const std::filesystem::path& path);

  /// 0 where nothing was written yet, or what was cannot be read.
  std::int64_t value() const;
  /// Best effort: less is never wrong.
  void note(std::int64_t commits) const;

 private:
  explicit Tally(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

}  // namespace velo::catalog

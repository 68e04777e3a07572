// A file in the making: it has its name once it is whole.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"
#include "base/fd.h"

namespace velo::archive {

namespace fs = std::filesystem;

/// Lies beside `path` as `.<name>.new` until it gets its name, or is removed with the object. The
/// process that writes it holds a lock on it, so what a killed one left is taken over and emptied
/// by the next, and two never write into one file.
///
/// No error of it is Errc::not_found, which in an archive has one meaning: a directory that is gone
/// is Errc::storage.
class Draft {
 public:
  /// Errc::in_use when another process is making this file.
  static Result<Draft> begin(const fs::path& path);

  Draft(Draft&&) noexcept = default;
  Draft& operator=(Draft&&) = delete;
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft();

  Result<void> append(std::string_view bytes);
  /// fsync(2).
  Result<void> sync();
  /// Gives it its name, which must be free: Errc::already_exists. The directory is not synced.
  Result<void> name_as_new();
  /// Gives it its name, in the place of what had it.
  Result<void> replace();

 private:
  Draft(fs::path path, fs::path beside, Fd fd)
      : path_(std::move(path)), beside_(std::move(beside)), fd_(std::move(fd)) {}

  fs::path path_;
  fs::path beside_;
  Fd fd_;  ///< empty when moved from, or when it has its name
};

}  // namespace velo::archive

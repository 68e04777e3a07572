// Advisory file locks that die with their process.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>

#include "base/cancel.h"
#include "base/error.h"
#include "base/fd.h"

namespace velo {

enum class LockMode { shared, exclusive };

/// An open-file-description lock (fcntl(2), F_OFD_SETLK) on a file of its own. Held per object, not
/// per process, so that threads of one server exclude one another too; released by the destructor
/// or by the death of the process, whatever killed it. Its descriptor is close-on-exec.
class FileLock {
 public:
  /// Empty when somebody else holds it in a way that excludes `mode`. Makes the file (0600) if it
  /// is missing; a file that was unlinked between open and lock is opened anew.
  static Result<std::optional<FileLock>> try_acquire(const std::filesystem::path& path,
                                                     LockMode mode);
  /// Waits, at most `patience`, looking at `cancel`; calls `on_wait` once when it has to wait.
  /// Errc::in_use after that time.
  static Result<FileLock> acquire(const std::filesystem::path& path, LockMode mode,
                                  std::chrono::milliseconds patience, const Cancellation& cancel,
                                  const std::function<void()>& on_wait);

 private:
  explicit FileLock(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace velo

#include "base/lock.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <thread>

#include "base/files.h"
#include "base/time.h"

namespace velo {
namespace {

/// Whether `fd` is still the file that `path` names.
bool is_same_file(int fd, const fs::path& path) {
  struct stat held{};
  struct stat named{};
  return ::fstat(fd, &held) == 0 && ::stat(path.c_str(), &named) == 0 &&
         held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

}  // namespace

Result<std::optional<FileLock>> FileLock::try_acquire(const fs::path& path, LockMode mode) {
  for (;;) {
    Fd fd = TRY(open_file(path, O_RDWR | O_CREAT, 0600));
    struct flock lock{};
    lock.l_type = static_cast<short>(mode == LockMode::exclusive ? F_WRLCK : F_RDLCK);
    lock.l_whence = SEEK_SET;
    if (::fcntl(fd.get(), F_OFD_SETLK, &lock) != 0) {
      if (errno == EAGAIN || errno == EACCES) return std::nullopt;
      return fail_errno(errno, fmt::format("lock {}", path.string()));
    }
    if (is_same_file(fd.get(), path)) return FileLock(std::move(fd));
  }
}

Result<FileLock> FileLock::acquire(const fs::path& path, LockMode mode,
                                   std::chrono::milliseconds patience, const Cancellation& cancel,
                                   const std::function<void()>& on_wait) {
  const Deadline deadline(patience);
  std::chrono::milliseconds pause{1};
  for (bool waited = false;; waited = true) {
    if (auto lock = TRY(try_acquire(path, mode))) return std::move(*lock);
    TRY(cancel.check());
    if (!waited && on_wait) on_wait();
    if (deadline.passed()) {
      return fail(Errc::in_use, "another command held {} for longer than {} s",
                  path.filename().string(), patience.count() / 1000);
    }
    std::this_thread::sleep_for(pause);
    pause = std::min(pause * 2, std::chrono::milliseconds{20});
  }
}

}  // namespace velo

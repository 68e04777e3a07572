#include "base/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "base/time.h"

namespace velo {
namespace {

std::unexpected<Error> fail_on(std::string_view verb, const fs::path& path) {
  const int err = errno;
  return fail_errno(err, fmt::format("{} {}", verb, path.string()));
}

Result<void> write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const ssize_t n = ::write(fd, content.data(), content.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_on("write", path);
    content.remove_prefix(static_cast<size_t>(n));
  }
  return {};
}

enum class Durable { no, yes };

Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode,
                          Durable durable) {
  const fs::path beside =
      path.parent_path() / fmt::format(".{}.{}.new", path.filename().string(), ::getpid());
  const auto write_beside = [&]() -> Result<void> {
    ::unlink(beside.c_str());
    const Fd fd = TRY(open_file(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode));
    if (::fchmod(fd.get(), mode) != 0) return fail_on("set the mode of", beside);
    TRY(write_all(fd.get(), content, beside));
    if (durable == Durable::yes && ::fsync(fd.get()) != 0) return fail_on("sync", beside);
    if (::rename(beside.c_str(), path.c_str()) != 0) return fail_on("replace", path);
    return {};
  };
  if (auto written = write_beside(); !written) {
    ::unlink(beside.c_str());
    return written;
  }
  if (durable == Durable::no) return {};
  return sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using Directory = std::unique_ptr<DIR, CloseDir>;

bool is_dots(const char* name) {
  return std::string_view(name) == "." || std::string_view(name) == "..";
}

/// How long a directory is emptied anew when others make files in it meanwhile.
constexpr auto emptying_patience = std::chrono::seconds(10);

Result<void> remove_at(int parent, const char* name, const fs::path& shown, dev_t device) {
  if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return {};
  if (errno != EISDIR && errno != EPERM) return fail_on("remove", shown);
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return {};
    return fail_on("remove", shown);
  }
  const Directory dir(::fdopendir(fd));  // owns the descriptor from here on
  if (!dir) {
    const auto failed = fail_on("read", shown);
    ::close(fd);
    return failed;
  }
  struct stat status{};
  // cppcheck-suppress resourceLeak; the directory closes it
  if (::fstat(fd, &status) != 0) return fail_on("look at", shown);
  if (status.st_dev != device) {
    // cppcheck-suppress resourceLeak; the directory closes it
    return fail(Errc::in_use, "{} is a mount point of another file system; it was left alone",
                shown.string());
  }
  const Deadline deadline(emptying_patience);
  for (;;) {
    while (const dirent* entry = ::readdir(dir.get())) {
      if (is_dots(entry->d_name)) continue;
      TRY(remove_at(fd, entry->d_name, shown / entry->d_name, device));
    }
    if (::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return {};
    const bool was_filled = errno == ENOTEMPTY || errno == EEXIST;
    if (!was_filled || deadline.passed()) return fail_on("remove", shown);
    ::rewinddir(dir.get());
  }
}

}  // namespace

Result<Fd> open_file(const fs::path& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return fail_on("open", path);
  return Fd(fd);
}

Result<std::string> read_file(const fs::path& path, std::size_t limit) {
  const Fd fd = TRY(open_file(path, O_RDONLY | O_NONBLOCK));  // a FIFO must not hold us
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return fail_on("look at", path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::failed, "{} is not a file", path.string());
  std::string content;
  char buffer[16384];
  for (;;) {
    const ssize_t n = ::read(fd.get(), buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_on("read", path);
    if (n == 0) return content;
    content.append(buffer, static_cast<size_t>(n));
    if (content.size() > limit) {
      return fail(Errc::failed, "{} is larger than {} bytes", path.string(), limit);
    }
  }
}

Result<std::string> read_tail(const fs::path& path, std::size_t bytes) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  const off_t size = ::lseek(fd.get(), 0, SEEK_END);
  if (size < 0) return fail_on("read", path);
  const off_t from = std::max<off_t>(0, size - static_cast<off_t>(bytes));
  std::string content(static_cast<size_t>(size - from), '\0');
  size_t got = 0;
  while (got < content.size()) {
    const ssize_t n = ::pread(fd.get(), content.data() + got, content.size() - got,
                              from + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_on("read", path);
    if (n == 0) break;
    got += static_cast<size_t>(n);
  }
  content.resize(got);
  if (from > 0) content.erase(0, content.find('\n') + 1);
  return content;
}

Result<void> write_file_durably(const fs::path& path, std::string_view content, mode_t mode) {
  return replace_file(path, content, mode, Durable::yes);
}

Result<void> write_file(const fs::path& path, std::string_view content, mode_t mode) {
  return replace_file(path, content, mode, Durable::no);
}

Result<void> sync_directory(const fs::path& path) {
  const Fd fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return fail_on("sync", path);
  return {};
}

Result<void> sync_file_system(const fs::path& path) {
  const Fd fd = TRY(open_file(path, O_RDONLY));
  if (::syncfs(fd.get()) != 0) return fail_on("sync the file system of", path);
  return {};
}

Result<void> create_directory(const fs::path& path, mode_t mode) {
  if (::mkdir(path.c_str(), 0700) != 0) {
    if (errno == EEXIST) return fail(Errc::already_exists, "{} already exists", path.string());
    return fail_on("make", path);
  }
  if (::chmod(path.c_str(), mode) != 0) return fail_on("set the mode of", path);
  return {};
}

Result<void> ensure_directory(const fs::path& path, mode_t mode) {
  struct stat status{};
  if (::stat(path.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return {};
    return fail(Errc::failed, "{} is there but is not a directory", path.string());
  }
  if (path.has_parent_path() && path.parent_path() != path) {
    TRY(ensure_directory(path.parent_path(), 0755));
  }
  if (auto made = create_directory(path, mode); !made) {
    if (made.error().code == Errc::already_exists) return {};  // another process was faster
    return made;
  }
  return {};
}

bool path_exists(const fs::path& path) {
  struct stat status{};
  return ::lstat(path.c_str(), &status) == 0;
}

Result<void> remove_tree(const fs::path& path) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const Fd parent(::open(path.parent_path().c_str(), flags));
  if (!parent) {
    if (errno == ENOENT) return {};
    return fail_on("open", path.parent_path());
  }
  struct stat status{};
  if (::fstatat(parent.get(), path.filename().c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return {};
    return fail_on("look at", path);
  }
  return remove_at(parent.get(), path.filename().c_str(), path, status.st_dev);
}

Result<void> remove_file(const fs::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_on("remove", path);
  return {};
}

Result<std::vector<std::string>> list_directory(const fs::path& path) {
  const Directory dir(::opendir(path.c_str()));
  if (!dir) return fail_on("list", path);
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = ::readdir(dir.get())) {
    if (!is_dots(entry->d_name)) names.emplace_back(entry->d_name);
  }
  if (errno != 0) return fail_on("list", path);
  std::ranges::sort(names);
  return names;
}

Result<Space> space_of(const fs::path& path) {
  struct statvfs status{};
  if (::statvfs(path.c_str(), &status) != 0) return fail_on("look at the space of", path);
  return Space{.size = std::uint64_t{status.f_blocks} * status.f_frsize,
               .free = std::uint64_t{status.f_bavail} * status.f_frsize,
               .read_only = (status.f_flag & ST_RDONLY) != 0};
}

Result<long> file_system_magic(const fs::path& path) {
  struct statfs status{};
  if (::statfs(path.c_str(), &status) != 0) return fail_on("look at the file system of", path);
  return static_cast<long>(status.f_type);
}

}  // namespace velo

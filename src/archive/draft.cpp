#include "archive/draft.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/files.h"

namespace velo::archive {
namespace {

std::unexpected<Error> fail_on(std::string_view verb, const fs::path& path) {
  const int err = errno;
  auto error = fail_errno(err, fmt::format("{} {}", verb, path.string()));
  if (err == ENOENT) error.error().code = Errc::storage;
  return error;
}

/// Whether `path` still names the file that is open as `fd`.
bool is_file_at(const fs::path& path, int fd) {
  struct stat open{};
  struct stat named{};
  return ::fstat(fd, &open) == 0 && ::lstat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

Result<Draft> Draft::begin(const fs::path& path) {
  const fs::path beside = path.parent_path() / fmt::format(".{}.new", path.filename().string());
  for (;;) {
    Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
    if (!fd) return fail_on("make", beside);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return fail_on("lock", beside);
      return fail(Errc::in_use, "another process is writing {}", path.string());
    }
    // Between the open and the lock its maker may have named or removed it: then it is whole, and
    // no draft any more.
    if (!is_file_at(beside, fd.get())) continue;
    Draft draft(path, beside, std::move(fd));
    if (::ftruncate(draft.fd_.get(), 0) != 0) return fail_on("empty", beside);
    return draft;
  }
}

Draft::~Draft() {
  if (fd_) ::unlink(beside_.c_str());
}

Result<void> Draft::append(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd_.get(), bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_on("write", beside_);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

Result<void> Draft::sync() {
  return ::fsync(fd_.get()) == 0 ? Result<void>{} : fail_on("sync", beside_);
}

Result<void> Draft::name_as_new() {
  // link(2) never replaces anything, on whatever file system; rename(2) needs a flag for that which
  // not all of them have.
  if (::link(beside_.c_str(), path_.c_str()) != 0) {
    if (errno != EEXIST) return fail_on("name", path_);
    return fail(Errc::already_exists, "{} already exists", path_.string());
  }
  ::unlink(beside_.c_str());
  fd_.reset();
  return {};
}

Result<void> Draft::replace() {
  if (::rename(beside_.c_str(), path_.c_str()) != 0) return fail_on("name", path_);
  fd_.reset();
  return {};
}

}  // namespace velo::archive

#include "cli/follow.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/files.h"

namespace velo::cli {
namespace {

constexpr std::size_t block = 64U << 10U;

}  // namespace

Result<std::string> Follower::read() {
  std::string text;
  if (file_ && replaced()) {
    text = TRY(read_rest());
    file_.reset();
  }
  if (!file_ && !TRY(open_if_there())) return text;
  struct stat now{};
  if (::fstat(file_.get(), &now) == 0 && static_cast<std::uint64_t>(now.st_size) < offset_) {
    offset_ = 0;  // truncated
  }
  return text + TRY(read_rest());
}

Result<bool> Follower::open_if_there() {
  auto opened = open_file(path_, O_RDONLY);
  if (!opened) {
    if (opened.error().code == Errc::not_found) {
      first_ = false;  // a file that appears later is new: all of it
      return false;
    }
    return std::unexpected(std::move(opened).error());
  }
  file_ = std::move(*opened);
  offset_ = 0;
  if (std::exchange(first_, false) && !tail_.all) TRY(seek_to_tail());
  return true;
}

/// From the end backwards, a block at a time, until there are lines enough.
Result<void> Follower::seek_to_tail() {
  const off_t end = ::lseek(file_.get(), 0, SEEK_END);
  if (end < 0) return fail_errno(errno, "read " + path_.string());
  offset_ = static_cast<std::uint64_t>(end);
  if (tail_.lines <= 0) return {};
  std::array<char, block> buffer{};
  std::uint64_t from = offset_;
  int seen = 0;
  while (from > 0) {
    const std::uint64_t size = std::min<std::uint64_t>(block, from);
    from -= size;
    const ssize_t got = ::pread(file_.get(), buffer.data(), size, static_cast<off_t>(from));
    if (got < 0) return fail_errno(errno, "read " + path_.string());
    for (ssize_t i = got - 1; i >= 0; --i) {
      const std::uint64_t position = from + static_cast<std::uint64_t>(i);
      // The newline that ends the file ends its last line and begins none.
      if (buffer.at(static_cast<std::size_t>(i)) != '\n' || position + 1 == offset_) continue;
      if (++seen == tail_.lines) {
        offset_ = position + 1;
        return {};
      }
    }
  }
  offset_ = 0;
  return {};
}

Result<std::string> Follower::read_rest() {
  std::string text;
  std::array<char, block> buffer{};
  while (true) {
    const ssize_t got =
        ::pread(file_.get(), buffer.data(), buffer.size(), static_cast<off_t>(offset_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read " + path_.string());
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    offset_ += static_cast<std::uint64_t>(got);
  }
}

bool Follower::replaced() const {
  struct stat there{};
  struct stat ours{};
  // While the name is gone the old file may still be written to.
  if (::stat(path_.c_str(), &there) != 0 || ::fstat(file_.get(), &ours) != 0) return false;
  return there.st_ino != ours.st_ino || there.st_dev != ours.st_dev;
}

}  // namespace velo::cli

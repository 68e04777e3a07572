#include "storage/copy_content.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace velo::storage {
namespace {

constexpr std::size_t chunk = 128UL * 1024;

int write_all(int target, const char* data, std::size_t length, off_t at) {
  while (length > 0) {
    const ssize_t written = ::pwrite(target, data, length, at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    data += written;
    length -= static_cast<std::size_t>(written);
    at += written;
  }
  return 0;
}

int copy_range(int source, int target, off_t from, off_t end) {
  std::array<char, chunk> buffer;  // NOLINT(*-member-init): filled by pread
  while (from < end) {
    const auto wanted = std::min(buffer.size(), static_cast<std::size_t>(end - from));
    const ssize_t got = ::pread(source, buffer.data(), wanted, from);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;  // it was truncated
    if (const int err = write_all(target, buffer.data(), static_cast<std::size_t>(got), from)) {
      return err;
    }
    from += got;
  }
  return 0;
}

int copy_around_holes(int source, int target, off_t size) {
  off_t end = 0;
  while (end < size) {
    const off_t data = ::lseek(source, end, SEEK_DATA);
    if (data < 0 && errno != ENXIO) return copy_range(source, target, end, size);
    if (data < 0 || data >= size) break;
    end = ::lseek(source, data, SEEK_HOLE);
    if (end < 0) end = size;
    end = std::min(end, size);
    if (const int err = copy_range(source, target, data, end)) return err;
  }
  return 0;
}

}  // namespace

int copy_content(int source, int target, off_t size) {
  struct stat status{};
  if (::fstat(source, &status) != 0) return errno;
  size = std::min(size, status.st_size);
  const bool has_holes = status.st_blocks * 512 < size;
  if (!has_holes) return copy_range(source, target, 0, size);
  if (const int err = copy_around_holes(source, target, size)) return err;
  return ::ftruncate(target, size) == 0 ? 0 : errno;  // a hole at the end
}

}  // namespace velo::storage

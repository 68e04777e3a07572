#include "catalog/seal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <array>

#include "base/files.h"
#include "base/text.h"

namespace velo::catalog {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t time_width = std::string_view("2025-10-09T18:40:21.000000Z").size();
/// Always as long, so that a write replaces all of it.
constexpr std::size_t width = 320;

std::string look_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return "none";
  // ctime, which cannot be set back as mtime can.
  return fmt::format("{}:{} {} {}.{:09} {}.{:09}", status.st_dev, status.st_ino, status.st_size,
                     status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_ctim.tv_sec,
                     status.st_ctim.tv_nsec);
}

void stamp(const fs::path& path) {
  timespec fine{};
  ::clock_gettime(CLOCK_REALTIME, &fine);
  const std::array<timespec, 2> times{timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, fine};
  static_cast<void>(::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW));
}

}  // namespace

fs::path seal_of(const fs::path& path) {
  return path.string() + ".seal";
}

Seal Seal::open(const fs::path& path) {
  auto file = open_file(seal_of(path), O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  return file ? Seal(std::move(*file), path) : Seal();
}

std::string Seal::look() const {
  if (!file_) return "";
  // A power cut may leave files that look as they did, without all that was in them.
  const std::string boot = read_file("/proc/sys/kernel/random/boot_id").value_or("unknown");
  return fmt::format("{} {} {}", trim(boot), look_of(path_), look_of(path_.string() + "-wal"));
}

Seal::Sealed Seal::read() const {
  std::array<char, width> text{};
  if (!file_ || ::pread(file_.get(), text.data(), width, 0) != static_cast<ssize_t>(width)) {
    return {};
  }
  const std::string_view all(text.data(), width);
  const auto checked_at = parse_rfc3339(all.substr(0, time_width));
  if (!checked_at) return {};
  return {.checked_at = *checked_at, .look = std::string(trim(all.substr(time_width)))};
}

void Seal::write(Timestamp checked_at) const {
  stamp(path_);
  stamp(path_.string() + "-wal");
  std::string text = fmt::format("{} {}", to_rfc3339(checked_at), look());
  if (!file_ || text.size() >= width) return;
  text.resize(width - 1, ' ');
  text += '\n';
  static_cast<void>(::pwrite(file_.get(), text.data(), text.size(), 0));
}

bool Seal::is_intact() const {
  const Sealed sealed = read();
  return !sealed.look.empty() && sealed.look == look();
}

bool Seal::holds(std::chrono::seconds age) const {
  const Sealed sealed = read();
  const Timestamp present = now();
  return !sealed.look.empty() && sealed.checked_at <= present &&
         present - sealed.checked_at < age && sealed.look == look();
}

void Seal::set(const std::string& looked) const {
  if (!looked.empty() && looked == look()) write(now());
}

void Seal::keep() const {
  const Sealed sealed = read();
  if (!sealed.look.empty()) write(sealed.checked_at);
}

}  // namespace velo::catalog

#include "catalog/tally.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <string_view>

#include "base/files.h"

namespace velo::catalog {
namespace {

constexpr std::size_t width = 20;  ///< always as many digits, so that a write replaces all of it

}  // namespace

fs::path tally_of(const fs::path& path) {
  return path.string() + ".tally";
}

Result<Tally> Tally::open(const fs::path& path) {
  return Tally(TRY(open_file(tally_of(path), O_RDWR | O_CREAT | O_NOFOLLOW, 0600)));
}

std::int64_t Tally::value() const {
  std::array<char, width> text{};
  if (!file_ || ::pread(file_.get(), text.data(), text.size(), 0) != width) return 0;
  std::int64_t commits = 0;
  const auto read = std::from_chars(text.begin(), text.end(), commits);
  return read.ec == std::errc() && read.ptr == text.end() ? commits : 0;
}

void Tally::note(std::int64_t commits) const {
  if (!file_) return;
  const std::string text = fmt::format("{:020}", commits);
  static_cast<void>(::pwrite(file_.get(), text.data(), text.size(), 0));
}

}  // namespace velo::catalog

#include "archive/progress.h"

#include "base/files.h"
#include "base/text.h"
#include "postgres/number.h"

namespace velo::archive {
namespace {

fs::path beside(const fs::path& lineage_file) {
  return lineage_file.parent_path() / "progress";
}

}  // namespace

Result<Progress> read_progress(const fs::path& lineage_file) {
  const auto text = read_file(beside(lineage_file));
  if (!text) {
    if (text.error().code == Errc::not_found) return Progress{};
    return std::unexpected(text.error());
  }
  // "000000010000000000000005 4 67108864": segment, segments, bytes
  const std::vector<std::string_view> words = split(trim(*text), ' ');
  if (words.size() == 3) {
    const auto segments = postgres::parse_number<std::uint64_t>(words[1]);
    const auto bytes = postgres::parse_number<std::uint64_t>(words[2]);
    if (segments && bytes) {
      return Progress{.segment = std::string(words[0]), .segments = *segments, .bytes = *bytes};
    }
  }
  return fail(Errc::failed, "{} is not what velo wrote", beside(lineage_file).string());
}

Result<void> write_progress(const fs::path& lineage_file, const Progress& progress) {
  return write_file(beside(lineage_file),
                    fmt::format("{} {} {}\n", progress.segment, progress.segments, progress.bytes),
                    0600);
}

}  // namespace velo::archive

// Files of an archive: zstd frames, and the pages of plain segments.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "archive/zstd_file.h"
#include "base/fd.h"
#include "fuzz.h"
#include "postgres/wal_page.h"

namespace {

using namespace velo;
using fuzz::require;

constexpr std::size_t most = 4U << 20U;  // bytes that a frame may grow to here

Fd file_with(std::string_view content) {
  Fd file(::memfd_create("fuzz", MFD_CLOEXEC));
  require(
      ::write(file.get(), content.data(), content.size()) == static_cast<ssize_t>(content.size()),
      "there is memory");
  return file;
}

Result<std::string> content_of(std::string_view frame) {
  const Fd file = file_with(frame);
  std::string content;
  TRY(archive::decompress(file.get(), "x.zst", [&](std::string_view bytes) -> Result<void> {
    content += bytes;
    if (content.size() > most) return fail(Errc::no_space, "that is much");
    return {};
  }));
  return content;
}

std::string frame_of(std::string_view content) {
  const Fd file = file_with(content);
  std::string frame;
  const auto made = archive::compress(file.get(), content.size(), "x",
                                      [&](std::string_view bytes) -> Result<void> {
                                        frame += bytes;
                                        return {};
                                      });
  require(made.has_value(), "everything can be compressed");
  return frame;
}

/// Bytes that anybody may have put there.
void check_frame(std::string_view frame) {
  const auto content = content_of(frame);
  if (content) return;
  const Errc code = content.error().code;
  require(code == Errc::corrupt || code == Errc::no_space, "what is no frame is damage");
}

/// What Velo put is what it gets; one byte changed, or the end missing, is damage or no change.
void check_damage(std::string_view content, unsigned where, unsigned char with) {
  const std::string frame = frame_of(content);
  const auto whole = content_of(frame);
  require(whole && *whole == content, "what was put comes back");
  std::string changed = frame;
  changed[where % changed.size()] = static_cast<char>(changed[where % changed.size()] ^ with);
  const auto damaged = content_of(changed);
  require(!damaged || *damaged == content, "a changed byte is found");
  const auto cut = content_of(std::string_view(frame).substr(0, where % frame.size()));
  require(!cut, "a missing end is found");
}

void check_pages(std::string_view bytes, std::uint64_t size) {
  const auto name = postgres::parse_wal_name("000000020000000000000003");
  postgres::SegmentCheck check(*name, size);
  const auto first = check.first_page(bytes);
  const auto all = check.next(bytes);
  require(first || !all, "no segment is right whose first page is not");
  require(!all || bytes.size() <= size, "no segment is longer than it is");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_choice(input) % 3) {
    case 0:
      check_frame(input);
      break;
    case 1: {
      const unsigned where = fuzz::take_choice(input) << 8U | fuzz::take_choice(input);
      const unsigned char with = fuzz::take_choice(input);
      check_damage(input, where, with == 0 ? 1 : with);
      break;
    }
    default:
      check_pages(input, std::uint64_t{1} << (20U + fuzz::take_choice(input) % 11U));
  }
  return 0;
}

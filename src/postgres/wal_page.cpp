#include "postgres/wal_page.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace velo::postgres {
namespace {

// In the byte order of the machine, which is the server's too.
struct PageHeader {
  std::uint16_t magic;
  std::uint16_t info;
  std::uint32_t timeline;
  std::uint64_t address;
  std::uint32_t rest_of_record;
  std::uint32_t padding;
};
struct LongPageHeader {
  PageHeader common;
  std::uint64_t system_identifier;
  std::uint32_t segment_size;
  std::uint32_t page_size;
};
static_assert(sizeof(LongPageHeader) == long_page_header);

constexpr std::uint16_t long_header_flag = 0x0002;  // XLP_LONG_HEADER
constexpr std::uint16_t magic_family = 0xD100;      // 0xD106 is 13's, 0xD118 is 18's
constexpr std::uint64_t smallest_page = 1U << 10U;  // XLOG_BLCKSZ may be 1 to 64 KiB
constexpr std::uint64_t largest_page = 64U << 10U;

template <class Header>
Header read_header(std::string_view bytes) {
  Header header{};
  bytes.copy(reinterpret_cast<char*>(&header), sizeof header);
  return header;
}

bool all_zero(std::string_view bytes) {
  return std::ranges::all_of(bytes, [](char c) { return c == '\0'; });
}

}  // namespace

Result<void> SegmentCheck::first_page(std::string_view bytes) {
  if (bytes.size() < long_page_header) return fail(Errc::corrupt, "it has no page header");
  const auto header = read_header<LongPageHeader>(bytes);
  if ((header.common.magic & 0xFF00U) != magic_family ||
      (header.common.info & long_header_flag) == 0) {
    return fail(Errc::corrupt, "it does not begin with a WAL page");
  }
  if (!name_.fits(header.segment_size) || !std::has_single_bit(header.page_size) ||
      header.page_size < smallest_page || header.page_size > largest_page) {
    return fail(Errc::corrupt, "its first page says impossible sizes");
  }
  if (size_ != header.segment_size) {
    return fail(Errc::corrupt, "it has {} bytes instead of {}", size_, header.segment_size);
  }
  if (header.common.address != name_.start(header.segment_size)) {
    return fail(Errc::corrupt, "it holds the WAL from {} on instead of {}",
                to_string(header.common.address), to_string(name_.start(header.segment_size)));
  }
  // The first segment of a timeline begins with pages of the one that it came from.
  if (header.common.timeline == 0 || header.common.timeline > name_.timeline) {
    return fail(Errc::corrupt, "it is of timeline {}", header.common.timeline);
  }
  magic_ = header.common.magic;
  page_size_ = header.page_size;
  return {};
}

Result<void> SegmentCheck::next(std::string_view bytes) {
  if (seen_ == 0) TRY(first_page(bytes));
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), page_size_))) {
    const std::string_view page = bytes.substr(0, page_size_);
    const Lsn address = name_.start(size_) + seen_;
    if (page.size() < page_size_ || seen_ >= size_) {
      return fail(Errc::corrupt, "it does not end with a page");
    }
    const auto header = read_header<PageHeader>(page);
    // A switch leaves pages without headers, which compress better (CopyXLogRecordToWAL).
    zeros_ = zeros_ || header.magic == 0;
    const bool fits = zeros_ ? all_zero(page)
                             : header.magic == magic_ && header.address == address &&
                                   header.timeline <= name_.timeline;
    if (!fits) {
      return fail(Errc::corrupt, "the page of {} in it is not one", to_string(address));
    }
    seen_ += page.size();
  }
  return {};
}

}  // namespace velo::postgres

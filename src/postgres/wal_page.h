// Whether a file is the WAL segment that its name says, by its pages' headers
// (src/include/access/xlog_internal.h: XLogPageHeaderData, XLogLongPageHeaderData).
#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "postgres/wal.h"

namespace velo::postgres {

/// How many bytes the first page's header has, which is the long one.
constexpr std::size_t long_page_header = 40;

/// A segment's file, looked at from front to back. Pages have no checksums, so this finds what was
/// cut, swapped, or filled with something else; the records' own find the rest during replay.
class SegmentCheck {
 public:
  SegmentCheck(WalName name, std::uint64_t file_size) : name_(name), size_(file_size) {}

  /// The first page: magic, address and timeline are this segment's, and its size the file's.
  /// `bytes` are the file's first, at least long_page_header. Errc::corrupt says what is wrong.
  Result<void> first_page(std::string_view bytes);
  /// The file's next bytes, in multiples of 64 KiB but at the end: the headers of all pages, for a
  /// segment that was written to its end. Errc::corrupt says what is wrong.
  Result<void> next(std::string_view bytes);

 private:
  WalName name_;
  std::uint64_t size_;
  std::uint64_t seen_ = 0;       ///< bytes
  std::uint64_t page_size_ = 0;  ///< XLOG_BLCKSZ of the server that wrote it
  std::uint16_t magic_ = 0;      ///< XLOG_PAGE_MAGIC of its major version
  bool zeros_ = false;           ///< a page without a header was seen
};

}  // namespace velo::postgres

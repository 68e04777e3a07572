// LSNs and WAL segment names (src/include/access/xlog_internal.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::postgres {

/// A position in the WAL, in bytes from its beginning.
using Lsn = std::uint64_t;

/// "16/B374D848" → number. Errc::failed for anything else.
Result<Lsn> parse_lsn(std::string_view text);
std::string to_string(Lsn lsn);

/// 24 hex digits: timeline, then the segment's number split at 4 GiB.
std::string segment_name(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_size);
/// The segments that hold the bytes from `start` up to (not including) `end`; at least one.
std::vector<std::string> segments_between(std::uint32_t timeline, Lsn start, Lsn end,
                                          std::uint64_t segment_size);

}  // namespace velo::postgres

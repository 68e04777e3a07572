// Sizes in bytes, as people read and write them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"

namespace velo {

/// 1024-based with two decimals, as Velo's users know it: "9.50 GB", "127.50 KB", "512 B".
std::string to_size(std::uint64_t bytes);
/// The same as it can be typed, exactly: "20G", "1500M", "1234567".
std::string to_size_argument(std::uint64_t bytes);
/// "20G", "512M", "1T", "64K", with or without a trailing B or iB, 1024-based; or plain bytes.
/// Errc::usage otherwise.
Result<std::uint64_t> parse_size(std::string_view text);

}  // namespace velo

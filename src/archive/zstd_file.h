// Compressing and reading back one file: a zstd frame that holds its content's size and checksum.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/error.h"

namespace velo::archive {

/// Takes the next bytes; a failure ends the whole.
using Sink = std::function<Result<void>(std::string_view)>;

/// The bytes of `fd` from its beginning, in pieces of a mebibyte (the last may be shorter). `shown`
/// is its name in errors, here and below.
Result<void> read_pieces(int fd, std::string_view shown, const Sink& sink);

/// One frame of the `size` bytes of `fd`. Errc::failed when it has not as many as that.
Result<void> compress(int fd, std::uint64_t size, std::string_view shown, const Sink& sink);

/// The content of the one frame that `fd` is. Errc::corrupt when it is not exactly that; what was
/// given to `sink` before is then worth nothing.
Result<void> decompress(int fd, std::string_view shown, const Sink& sink);

/// The size that a frame says its content has, from its first bytes. Errc::corrupt.
Result<std::uint64_t> content_size(int fd, std::string_view shown);

}  // namespace velo::archive

#include "archive/zstd_file.h"

#include <sys/types.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <memory>
#include <string>

namespace velo::archive {
namespace {

constexpr int level = 1;
constexpr std::size_t piece = 1U << 20U;

struct Free {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};
using Compressor = std::unique_ptr<ZSTD_CCtx, Free>;
using Decompressor = std::unique_ptr<ZSTD_DCtx, Free>;

std::unexpected<Error> damaged(std::string_view shown, std::string_view why) {
  return fail(Errc::corrupt, "{} is damaged: {}", shown, why);
}

/// Reads until `size` bytes or the end of the file; how many there were.
Result<std::size_t> read_at(int fd, char* into, std::size_t size, off_t from,
                            std::string_view shown) {
  std::size_t got = 0;
  while (got < size) {
    const ssize_t n = ::pread(fd, into + got, size - got, from + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno(errno, fmt::format("read {}", shown));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  return got;
}

}  // namespace

Result<void> read_pieces(int fd, std::string_view shown, const Sink& sink) {
  const auto buffer = std::make_unique_for_overwrite<char[]>(piece);
  for (off_t from = 0;;) {
    const std::size_t got = TRY(read_at(fd, buffer.get(), piece, from, shown));
    if (got > 0) TRY(sink({buffer.get(), got}));
    if (got < piece) return {};
    from += static_cast<off_t>(got);
  }
}

Result<void> compress(int fd, std::uint64_t size, std::string_view shown, const Sink& sink) {
  const Compressor context(ZSTD_createCCtx());
  const std::size_t room = ZSTD_CStreamOutSize();
  const auto out = std::make_unique_for_overwrite<char[]>(room);
  const auto step = [&](ZSTD_inBuffer& input, ZSTD_EndDirective directive) -> Result<std::size_t> {
    ZSTD_outBuffer output{.dst = out.get(), .size = room, .pos = 0};
    const std::size_t left = ZSTD_compressStream2(context.get(), &output, &input, directive);
    if (ZSTD_isError(left) != 0) {
      // Of what can be wrong here only the file can: it grew or shrank under our eyes.
      return fail(Errc::failed, "cannot compress {}: {}", shown, ZSTD_getErrorName(left));
    }
    TRY(sink({out.get(), output.pos}));
    return left;
  };
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  ZSTD_CCtx_setPledgedSrcSize(context.get(), size);
  TRY(read_pieces(fd, shown, [&](std::string_view bytes) -> Result<void> {
    ZSTD_inBuffer input{.src = bytes.data(), .size = bytes.size(), .pos = 0};
    while (input.pos < input.size) TRY(step(input, ZSTD_e_continue));
    return {};
  }));
  ZSTD_inBuffer nothing{.src = nullptr, .size = 0, .pos = 0};
  while (TRY(step(nothing, ZSTD_e_end)) > 0) {
  }
  return {};
}

Result<void> decompress(int fd, std::string_view shown, const Sink& sink) {
  const std::uint64_t expected = TRY(content_size(fd, shown));
  const Decompressor context(ZSTD_createDCtx());
  const auto out = std::make_unique_for_overwrite<char[]>(piece);
  ZSTD_outBuffer output{.dst = out.get(), .size = piece, .pos = 0};
  std::uint64_t made = 0;
  std::size_t hint = 1;  // 0: the frame is complete, and its checksum right
  const auto flush = [&]() -> Result<void> {
    made += output.pos;
    TRY(sink({out.get(), std::exchange(output.pos, 0)}));
    return {};
  };
  TRY(read_pieces(fd, shown, [&](std::string_view bytes) -> Result<void> {
    ZSTD_inBuffer input{.src = bytes.data(), .size = bytes.size(), .pos = 0};
    // What a full output leaves in the decoder comes with the next turn.
    while (input.pos < input.size || output.pos == output.size) {
      if (output.pos == output.size) TRY(flush());
      if (hint == 0 && input.pos < input.size) return damaged(shown, "more follows its end");
      if (hint == 0) break;
      hint = ZSTD_decompressStream(context.get(), &output, &input);
      if (ZSTD_isError(hint) != 0) return damaged(shown, ZSTD_getErrorName(hint));
    }
    return {};
  }));
  TRY(flush());
  if (hint != 0) return damaged(shown, "its end is missing");
  if (made != expected) {
    return damaged(shown, fmt::format("{} bytes instead of {}", made, expected));
  }
  return {};
}

Result<std::uint64_t> content_size(int fd, std::string_view shown) {
  char head[18];  // ZSTD_FRAMEHEADERSIZE_MAX, which <zstd.h> does not show to dynamic linking
  const std::size_t got = TRY(read_at(fd, head, sizeof head, 0, shown));
  const unsigned long long size = ZSTD_getFrameContentSize(head, got);
  if (size == ZSTD_CONTENTSIZE_ERROR) return damaged(shown, "its beginning is no zstd frame's");
  if (size == ZSTD_CONTENTSIZE_UNKNOWN) return damaged(shown, "it does not say its size");
  return size;
}

}  // namespace velo::archive

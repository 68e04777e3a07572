#include "postgres/wal.h"

#include <optional>

#include "postgres/number.h"

namespace velo::postgres {
namespace {

std::optional<std::uint32_t> parse_half(std::string_view text) {
  constexpr std::size_t longest = 8;  // hex digits of 32 bits
  return text.size() > longest ? std::nullopt : parse_number<std::uint32_t>(text, 16);
}

}  // namespace

Result<Lsn> parse_lsn(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos) {
    const auto high = parse_half(text.substr(0, slash));
    const auto low = parse_half(text.substr(slash + 1));
    if (high && low) return (Lsn{*high} << 32U) | *low;
  }
  return fail(Errc::failed, "\"{}\" is not a WAL position", text);
}

std::string to_string(Lsn lsn) {
  return fmt::format("{:X}/{:X}", lsn >> 32U, lsn & 0xFFFFFFFFU);
}

std::string segment_name(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_size) {
  const std::uint64_t number = lsn / segment_size;
  const std::uint64_t per_id = (std::uint64_t{1} << 32U) / segment_size;
  return fmt::format("{:08X}{:08X}{:08X}", timeline, number / per_id, number % per_id);
}

std::vector<std::string> segments_between(std::uint32_t timeline, Lsn start, Lsn end,
                                          std::uint64_t segment_size) {
  const Lsn last = end > start ? end - 1 : start;
  std::vector<std::string> names;
  for (Lsn number = start / segment_size; number <= last / segment_size; ++number) {
    names.push_back(segment_name(timeline, number * segment_size, segment_size));
  }
  return names;
}

}  // namespace velo::postgres

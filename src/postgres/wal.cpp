#include "postgres/wal.h"

#include <bit>

#include "postgres/number.h"

namespace velo::postgres {
namespace {

constexpr std::size_t digits = 8;  // hexadecimal ones, of 32 bits

std::optional<std::uint32_t> parse_half(std::string_view text) {
  return text.size() > digits ? std::nullopt : parse_number<std::uint32_t>(text, 16);
}

/// Takes the next eight digits off `text`; empty when they are not there.
std::optional<std::uint32_t> take_digits(std::string_view& text) {
  const std::string_view word = text.substr(0, digits);
  if (word.size() != digits || word.find_first_not_of("0123456789ABCDEF") != word.npos) return {};
  text.remove_prefix(digits);
  return parse_number<std::uint32_t>(word, 16);
}

constexpr std::uint64_t segments_per_high(std::uint64_t segment_size) {
  return (std::uint64_t{1} << 32U) / segment_size;
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

bool is_segment_size(std::uint64_t bytes) {
  return std::has_single_bit(bytes) && bytes >= (1U << 20U) && bytes <= (1U << 30U);
}

std::string segment_name(std::uint32_t timeline, Lsn lsn, std::uint64_t segment_size) {
  const std::uint64_t number = lsn / segment_size;
  const std::uint64_t per_id = segments_per_high(segment_size);
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

bool WalName::fits(std::uint64_t segment_size) const {
  return is_segment_size(segment_size) &&
         (kind == WalFile::history ||
          (low < segments_per_high(segment_size) && end(segment_size) != 0)) &&
         offset < segment_size;
}

std::uint64_t WalName::number(std::uint64_t segment_size) const {
  return high * segments_per_high(segment_size) + low;
}

Lsn WalName::start(std::uint64_t segment_size) const {
  return number(segment_size) * segment_size;
}

Lsn WalName::end(std::uint64_t segment_size) const {
  return start(segment_size) + segment_size;
}

std::optional<WalName> parse_wal_name(std::string_view name) {
  WalName parsed;
  const auto take = [&name](std::uint32_t& into) {
    const auto number = take_digits(name);
    if (number) into = *number;
    return number.has_value();
  };
  if (!take(parsed.timeline) || parsed.timeline == 0) return std::nullopt;
  if (name == ".history") {
    parsed.kind = WalFile::history;
    return parsed;
  }
  if (!take(parsed.high) || !take(parsed.low)) return std::nullopt;
  if (name.empty()) return parsed;
  if (name == ".partial") {
    parsed.kind = WalFile::partial;
    return parsed;
  }
  if (!name.starts_with('.')) return std::nullopt;
  name.remove_prefix(1);
  if (!take(parsed.offset) || name != ".backup") return std::nullopt;
  parsed.kind = WalFile::backup;
  return parsed;
}

std::string to_string(const WalName& name) {
  if (name.kind == WalFile::history) return fmt::format("{:08X}.history", name.timeline);
  std::string segment = fmt::format("{:08X}{:08X}{:08X}", name.timeline, name.high, name.low);
  if (name.kind == WalFile::partial) return segment + ".partial";
  if (name.kind == WalFile::backup) return fmt::format("{}.{:08X}.backup", segment, name.offset);
  return segment;
}

WalName later_segment(const WalName& segment, std::uint64_t count, std::uint64_t segment_size) {
  const std::uint64_t number = segment.number(segment_size) + count;
  const std::uint64_t per_high = segments_per_high(segment_size);
  return {.kind = WalFile::segment,
          .timeline = segment.timeline,
          .high = static_cast<std::uint32_t>(number / per_high),
          .low = static_cast<std::uint32_t>(number % per_high),
          .offset = 0};
}

bool refused_archiving(std::string_view log) {
  return log.contains("wal_level") && log.contains("minimal");
}

}  // namespace velo::postgres

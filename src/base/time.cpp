#include "base/time.h"

#include <date/date.h>

#include <array>
#include <charconv>
#include <ctime>

#include "base/time_text.h"

namespace velo {

Timestamp now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

std::string to_rfc3339(Timestamp time) {
  const auto day = date::floor<date::days>(time);
  const date::year_month_day date(day);
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) return date::format("%FT%TZ", time);
  // By hand: a listing of ten thousand branches writes some forty thousand of them.
  const date::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", year,
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  // Not date::parse, which takes blanks and signs, and computes with the digits that are missing.
  Scanner in(text);
  const auto day = scan_date(in);
  constexpr std::string_view shortest = "2025-10-09T18:40:21Z";
  const bool has_time = day && in.skip('T') && text.size() >= shortest.size();
  const auto time = has_time ? scan_time_of_day(in) : std::nullopt;
  if (!time || !in.skip('Z') || !in.at_end()) {
    return fail(Errc::usage, "'{}' is not a time like 2025-10-09T18:40:21Z", text);
  }
  return Timestamp(date::sys_days(*day)) + *time;
}

std::string to_local(Timestamp time) {
  // Not system_clock::to_time_t: its nanoseconds end in the year 2262.
  const time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  const size_t size = strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return {text.data(), size};
}

std::string to_words(std::chrono::seconds elapsed) {
  const long long s = elapsed.count() < 0 ? 0 : elapsed.count();
  if (s < 60) return fmt::format("{}s", s);
  if (s < 3600) return fmt::format("{}m", s / 60);
  if (s < 48LL * 3600) return fmt::format("{}h", s / 3600);
  return fmt::format("{}d", s / 86400);
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  const auto bad = [&] {
    return std::unexpected(Error{Errc::usage,
                                 fmt::format("'{}' is not a length of time", text),
                                 "write a number and a unit: 90s, 15m, 24h, 7d, or 0",
                                 {}});
  };
  long long number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || text.starts_with('-')) return bad();
  const std::string_view unit(end, text.data() + text.size() - end);
  long long factor = 0;
  if (unit.empty() || unit == "s") factor = 1;
  if (unit == "m") factor = 60;
  if (unit == "h") factor = 3600;
  if (unit == "d") factor = 86400;
  if (factor == 0 || number > 100LL * 365 * 86400 / factor) return bad();
  return std::chrono::seconds{number * factor};
}

std::string to_duration(std::chrono::seconds length) {
  const long long s = length.count();
  if (s != 0 && s % 86400 == 0) return fmt::format("{}d", s / 86400);
  if (s != 0 && s % 3600 == 0) return fmt::format("{}h", s / 3600);
  if (s != 0 && s % 60 == 0) return fmt::format("{}m", s / 60);
  return fmt::format("{}s", s);
}

}  // namespace velo

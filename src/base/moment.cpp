#include "base/moment.h"

#include <date/date.h>

#include <array>
#include <charconv>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "base/time_text.h"

namespace velo {
namespace {

using std::chrono::microseconds;
using std::chrono::minutes;
using std::chrono::seconds;

std::unexpected<Error> not_understood(std::string_view text) {
  return fail_with_hint(Errc::usage,
                        fmt::format("'{}' is not a moment that Velo understands", text),
                        "write it like 2025-10-07T14:30:00Z, '2025-10-07 14:30', '2 hours ago' or "
                        "'yesterday 14:30'");
}

/// "Z", "+02:00", "-0330", "+02"
std::optional<minutes> scan_offset(Scanner& in) {
  if (in.skip_any_of("Zz")) return minutes(0);
  const bool west = in.skip('-');
  if (!west && !in.skip('+')) return std::nullopt;
  const auto hour = in.number(2);
  if (!hour || *hour > 23) return std::nullopt;
  minutes offset = std::chrono::hours(*hour);
  if (!in.at_end()) {
    in.skip(':');
    const auto minute = in.number(2);
    if (!minute || *minute > 59) return std::nullopt;
    offset += minutes(*minute);
  }
  return west ? -offset : offset;
}

/// The moment at which the machine's clock shows these fields with this kind of time.
std::optional<time_t> moment_with(const tm& fields, int is_dst) {
  tm asked = fields;
  asked.tm_isdst = is_dst;
  const time_t moment = mktime(&asked);
  tm shown{};
  if (moment == -1 || localtime_r(&moment, &shown) == nullptr) return std::nullopt;
  const bool same = shown.tm_mday == fields.tm_mday && shown.tm_hour == fields.tm_hour &&
                    shown.tm_min == fields.tm_min && shown.tm_sec == fields.tm_sec;
  return same ? std::optional(moment) : std::nullopt;
}

Result<Timestamp> from_local(const date::year_month_day& day, microseconds time,
                             std::string_view text) {
  const date::hh_mm_ss<microseconds> clock(time);
  tm fields{};
  fields.tm_year = static_cast<int>(day.year()) - 1900;
  fields.tm_mon = static_cast<int>(static_cast<unsigned>(day.month())) - 1;
  fields.tm_mday = static_cast<int>(static_cast<unsigned>(day.day()));
  fields.tm_hour = static_cast<int>(clock.hours().count());
  fields.tm_min = static_cast<int>(clock.minutes().count());
  fields.tm_sec = static_cast<int>(clock.seconds().count());
  const auto winter = moment_with(fields, 0);
  const auto summer = moment_with(fields, 1);
  if (!winter && !summer) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("there is no '{}' here: the clocks are set forward at that time", text),
        "write it with an offset, for example 2025-03-30T02:30:00+01:00");
  }
  if (winter && summer && *winter != *summer) {
    return fail_with_hint(
        Errc::usage,
        fmt::format("'{}' comes twice here: the clocks are set back at that time", text),
        "write it with an offset, for example 2025-10-26T02:30:00+02:00");
  }
  return Timestamp(seconds(winter ? *winter : *summer)) + clock.subseconds();
}

Result<Timestamp> parse_date_and_time(std::string_view text) {
  Scanner in(text);
  const auto day = scan_date(in);
  if (!day) return not_understood(text);
  if (in.at_end()) return from_local(*day, microseconds(0), text);
  if (!in.skip_any_of("Tt ")) return not_understood(text);
  const auto time = scan_time_of_day(in);
  if (!time) return not_understood(text);
  if (in.at_end()) return from_local(*day, *time, text);
  in.skip(' ');
  const auto offset = scan_offset(in);
  if (!offset || !in.at_end()) return not_understood(text);
  return Timestamp(date::sys_days(*day)) + *time - *offset;
}

date::year_month_day local_day(Timestamp moment) {
  const time_t whole = std::chrono::floor<seconds>(moment).time_since_epoch().count();
  tm fields{};
  localtime_r(&whole, &fields);
  return {date::year(fields.tm_year + 1900), date::month(static_cast<unsigned>(fields.tm_mon) + 1U),
          date::day(static_cast<unsigned>(fields.tm_mday))};
}

/// "today 14:30", "yesterday", "14:30"
Result<Timestamp> parse_day_by_name(std::string_view text, Timestamp present) {
  date::year_month_day day = local_day(present);
  std::string_view rest = text;
  if (rest.starts_with("yesterday")) {
    day = date::year_month_day(date::sys_days(day) - date::days(1));
    rest.remove_prefix(std::string_view("yesterday").size());
  } else if (rest.starts_with("today")) {
    rest.remove_prefix(std::string_view("today").size());
  } else {
    rest = text;
  }
  if (rest.empty()) return from_local(day, microseconds(0), text);
  Scanner in(rest);
  if (rest.size() != text.size() && !in.skip(' ')) return not_understood(text);
  const auto time = scan_time_of_day(in);
  if (!time || !in.at_end()) return not_understood(text);
  return from_local(day, *time, text);
}

std::optional<seconds> unit_of(std::string_view word) {
  struct Unit {
    std::array<std::string_view, 4> words;
    seconds length;
  };
  static constexpr std::array units{
      Unit{{"s", "sec", "second", "seconds"}, seconds(1)},
      Unit{{"m", "min", "minute", "minutes"}, minutes(1)},
      Unit{{"h", "hr", "hour", "hours"}, std::chrono::hours(1)},
      Unit{{"d", "day", "days", "days"}, std::chrono::hours(24)},
      Unit{{"w", "week", "weeks", "weeks"}, std::chrono::hours(24 * 7)},
  };
  for (const Unit& unit : units) {
    for (const std::string_view known : unit.words) {
      if (word == known) return unit.length;
    }
  }
  return std::nullopt;
}

/// "2 hours", "90s", "1 day 3 hours"
Result<Timestamp> parse_ago(std::string_view lengths, std::string_view text, Timestamp present) {
  constexpr long long most = 100LL * 366 * 24 * 3600;
  seconds total(0);
  bool any = false;
  while (!lengths.empty()) {
    long long number = 0;
    const auto [end, status] =
        std::from_chars(lengths.data(), lengths.data() + lengths.size(), number);
    const bool is_signed = lengths.starts_with('-');  // "-0 days ago"
    if (status != std::errc{} || is_signed || number > most) return not_understood(text);
    lengths.remove_prefix(static_cast<std::size_t>(end - lengths.data()));
    while (lengths.starts_with(' ')) lengths.remove_prefix(1);
    const std::size_t size = std::min(lengths.find_first_of(" 0123456789"), lengths.size());
    const auto unit = unit_of(lengths.substr(0, size));
    if (!unit || number > most / unit->count()) return not_understood(text);
    lengths.remove_prefix(size);
    while (lengths.starts_with(' ')) lengths.remove_prefix(1);
    total += *unit * number;
    any = true;
  }
  if (!any || total.count() > most) return not_understood(text);
  return present - total;
}

}  // namespace

Result<Timestamp> parse_moment(std::string_view text, Timestamp present) {
  const std::string_view trimmed = trim(text);
  if (trimmed.empty()) return not_understood(text);
  if (trimmed == "now") return present;
  constexpr std::string_view ago = " ago";
  if (trimmed.ends_with(ago)) {
    return parse_ago(trimmed.substr(0, trimmed.size() - ago.size()), text, present);
  }
  const bool begins_with_year = trimmed.size() > 4 && trimmed[4] == '-';
  auto moment =
      begins_with_year ? parse_date_and_time(trimmed) : parse_day_by_name(trimmed, present);
  // An offset can lead out of the years that RFC 3339 can write.
  constexpr Timestamp first = date::sys_days(date::year(0) / 1 / 1);
  constexpr Timestamp behind = date::sys_days(date::year(10000) / 1 / 1);
  if (moment && (*moment < first || *moment >= behind)) return not_understood(text);
  return moment;
}

}  // namespace velo

// Dates and times of day out of text, digit by digit: what RFC 3339 and people's moments share.
#pragma once

#include <date/date.h>

#include <chrono>
#include <optional>
#include <string_view>

namespace velo {

/// Reads from the front of a text. Digits are digits: no sign is one of them, and no blank.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  bool skip(char c);
  bool skip_any_of(std::string_view characters);
  /// Exactly `digits` digits.
  std::optional<int> number(std::size_t digits);
  /// The digits behind a decimal point, as microseconds; those beyond the sixth are cut off.
  std::optional<std::chrono::microseconds> fraction();

 private:
  std::string_view rest_;
};

/// "14:30", "14:30:15", "14:30:15.25"
std::optional<std::chrono::microseconds> scan_time_of_day(Scanner& in);
/// "2025-10-07"; empty for a day that no calendar has.
std::optional<date::year_month_day> scan_date(Scanner& in);

}  // namespace velo

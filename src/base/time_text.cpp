#include "base/time_text.h"

namespace velo {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

bool Scanner::skip(char c) {
  if (rest_.empty() || rest_.front() != c) return false;
  rest_.remove_prefix(1);
  return true;
}

bool Scanner::skip_any_of(std::string_view characters) {
  if (rest_.empty() || !characters.contains(rest_.front())) return false;
  rest_.remove_prefix(1);
  return true;
}

std::optional<int> Scanner::number(std::size_t digits) {
  if (rest_.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : rest_.substr(0, digits)) {
    if (!is_digit(c)) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  rest_.remove_prefix(digits);
  return value;
}

std::optional<std::chrono::microseconds> Scanner::fraction() {
  int value = 0;
  int weight = 100'000;
  std::size_t digits = 0;
  for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
    value += (rest_[digits] - '0') * weight;
    weight /= 10;
  }
  if (digits == 0) return std::nullopt;
  rest_.remove_prefix(digits);
  return std::chrono::microseconds(value);
}

std::optional<std::chrono::microseconds> scan_time_of_day(Scanner& in) {
  const auto hour = in.number(2);
  if (!hour || *hour > 23 || !in.skip(':')) return std::nullopt;
  const auto minute = in.number(2);
  if (!minute || *minute > 59) return std::nullopt;
  std::chrono::microseconds time = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!in.skip(':')) return time;
  const auto second = in.number(2);
  if (!second || *second > 59) return std::nullopt;
  time += std::chrono::seconds(*second);
  if (!in.skip('.')) return time;
  const auto fraction = in.fraction();
  if (!fraction) return std::nullopt;
  return time + *fraction;
}

std::optional<date::year_month_day> scan_date(Scanner& in) {
  const auto year = in.number(4);
  if (!year || !in.skip('-')) return std::nullopt;
  const auto month = in.number(2);
  if (!month || !in.skip('-')) return std::nullopt;
  const auto day = in.number(2);
  if (!day) return std::nullopt;
  const date::year_month_day ymd{date::year(*year), date::month(static_cast<unsigned>(*month)),
                                 date::day(static_cast<unsigned>(*day))};
  if (!ymd.ok()) return std::nullopt;
  return ymd;
}

}  // namespace velo

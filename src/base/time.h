// Time: points in time as people and JSON see them, durations in words, deadlines.
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>

#include "base/error.h"

namespace velo {

/// A moment, UTC, in microseconds (PostgreSQL's own resolution).
using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using Seconds = std::chrono::duration<double>;

Timestamp now();
/// "2025-10-09T18:40:21.123456Z"; what JSON and the catalog hold.
std::string to_rfc3339(Timestamp time);
/// Errc::usage unless `text` is what to_rfc3339 writes (any number of fraction digits, or none).
Result<Timestamp> parse_rfc3339(std::string_view text);
/// "2025-10-09 18:40:21" in the machine's own zone; what a screen shows.
std::string to_local(Timestamp time);
/// An elapsed time in its largest unit: "13s", "5m", "3h", "12d". Negative counts as zero.
std::string to_words(std::chrono::seconds elapsed);
/// "90s", "15m", "24h", "7d", or a bare number of seconds; Errc::usage otherwise.
Result<std::chrono::seconds> parse_duration(std::string_view text);

/// What parse_duration reads, exact and in the largest unit that is: "36h", "90s", "7d".
std::string to_duration(std::chrono::seconds length);

/// A point on the monotonic clock until which a wait goes on.
class Deadline {
 public:
  explicit Deadline(std::chrono::nanoseconds from_now)
      : end_(std::chrono::steady_clock::now() + from_now) {}
  bool passed() const { return std::chrono::steady_clock::now() >= end_; }
  std::chrono::milliseconds left() const {
    return std::chrono::ceil<std::chrono::milliseconds>(left_exactly());
  }
  std::chrono::nanoseconds left_exactly() const {
    return std::max(end_ - std::chrono::steady_clock::now(), std::chrono::nanoseconds{0});
  }

 private:
  std::chrono::steady_clock::time_point end_;
};

/// Runs from its construction.
class Stopwatch {
 public:
  Seconds elapsed() const { return std::chrono::steady_clock::now() - start_; }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace velo

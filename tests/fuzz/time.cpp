// Moments, lengths of time and sizes, as people type them.
#include "base/time.h"
#include "base/moment.h"
#include "base/size.h"
#include "fuzz.h"

namespace {

using namespace velo;
using fuzz::require;

/// With a summer time, so that local times are skipped and come twice.
bool in_a_zone() {
  ::setenv("TZ", "Europe/Berlin", 1);
  ::tzset();
  return true;
}

void check_moment(std::string_view text, Timestamp present) {
  const auto moment = parse_moment(text, present);
  if (!moment) {
    require(moment.error().code == Errc::usage, "what is no moment is wrong usage");
    return;
  }
  const std::string written = to_rfc3339(*moment);
  const auto read = parse_rfc3339(written);
  require(read && *read == *moment, "a moment is read as it was written");
  const auto again = parse_moment(written, present);
  require(again && *again == *moment, "a moment can be typed as Velo writes it");
  require(!to_local(*moment).empty(), "a moment can be shown");
  require(!text.ends_with(" ago") || *moment <= present, "ago is not later");
  // Only what separates: no sign is taken for a digit ("10:-0").
  require(!text.contains("--") && !text.contains(":-"), "digits are digits");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool zone = in_a_zone();
  static const Timestamp present = parse_rfc3339("2025-10-26T10:40:21.123456Z").value();
  const std::string_view text = fuzz::text_of(data, size);
  if (zone) check_moment(text, present);

  if (const auto time = parse_rfc3339(text)) {
    const auto again = parse_rfc3339(to_rfc3339(*time));
    require(again && *again == *time, "a time is read as it was written");
  }
  if (const auto length = parse_duration(text)) {
    require(length->count() >= 0, "no length is negative");
    require(!text.contains('-'), "a length has no sign");
    const auto again = parse_duration(to_duration(*length));
    require(again && *again == *length, "a length can be typed as Velo writes it");
    require(!to_words(*length).empty(), "a length can be shown");
  }
  if (const auto bytes = parse_size(text)) {
    const auto again = parse_size(to_size_argument(*bytes));
    require(again && *again == *bytes, "a size can be typed as Velo writes it");
    require(!to_size(*bytes).empty(), "a size can be shown");
  }
  return 0;
}

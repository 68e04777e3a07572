// A moment as a person writes it: "2025-10-07T14:30:00Z", "2025-10-07 14:30", "2 hours ago",
// "yesterday 14:30".
#pragma once

#include <string_view>

#include "base/error.h"
#include "base/time.h"

namespace velo {

/// What `text` means at `present`, to the microsecond. Understood are
///   - RFC 3339: a date, "T" or a blank, a time with or without seconds and their fraction, and "Z"
///     or an offset (+02:00, +0200, +02); without either it is the machine's own zone;
///   - "14:30", "today 14:30", "yesterday 14:30", and each with seconds; "today" and "yesterday"
///     alone are their first moments;
///   - "90s ago", "2 hours ago", "1 day 3 hours ago"; "now".
/// Digits of a fraction beyond the sixth are cut off, as PostgreSQL's own clock has no more.
///
/// Errc::usage for anything else, for a day that no calendar has, and for a local time that the
/// machine's zone skips or has twice when its clocks change: the hint tells to write an offset.
Result<Timestamp> parse_moment(std::string_view text, Timestamp present);

}  // namespace velo

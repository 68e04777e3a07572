#include "cli/moment.h"

#include "base/moment.h"

namespace velo::cli {
namespace {

/// PostgreSQL's limit (MAXFNAMELEN in src/backend/access/transam/xlogfuncs.c).
constexpr std::size_t longest_restore_point = 63;

}  // namespace

Option pitr_option(Moment& moment) {
  return {.flags = "--pitr",
          .value = "TIME",
          .help =
              "As of then: 2025-10-07T14:30:00Z, '2025-10-07 14:30', '2 hours ago', "
              "'yesterday 14:30'",
          .assign = into(moment.time)};
}

Option lsn_option(Moment& moment) {
  return {.flags = "--lsn",
          .value = "X/Y",
          .help = "As of this position in its WAL (pg_current_wal_lsn)",
          .assign = into(moment.lsn)};
}

Option restore_point_option(Moment& moment) {
  return {.flags = "--restore-point",
          .value = "NAME",
          .help = "As of this call of pg_create_restore_point",
          .assign = into(moment.restore_point)};
}

Result<std::optional<postgres::RecoveryTarget>> target_of(const Moment& moment) {
  const int given = (moment.time.empty() ? 0 : 1) + (moment.lsn.empty() ? 0 : 1) +
                    (moment.restore_point.empty() ? 0 : 1);
  if (given > 1) {
    return fail_with_hint(Errc::usage, "several moments at once",
                          "write one of --pitr, --lsn and --restore-point");
  }
  if (!moment.time.empty()) {
    return postgres::ToTime{TRY(parse_moment(moment.time, now()))};
  }
  if (!moment.lsn.empty()) {
    const auto lsn = postgres::parse_lsn(moment.lsn);
    if (lsn) return postgres::ToLsn{*lsn};
    return fail_with_hint(Errc::usage, fmt::format("'{}' is no position in a WAL", moment.lsn),
                          "SELECT pg_current_wal_lsn() shows them: 0/16B3748");
  }
  if (moment.restore_point.size() > longest_restore_point) {
    return fail(Errc::usage, "'{}' cannot name a restore point: they have at most {} characters",
                moment.restore_point, longest_restore_point);
  }
  if (!moment.restore_point.empty()) return postgres::ToRestorePoint{moment.restore_point};
  return std::nullopt;
}

}  // namespace velo::cli

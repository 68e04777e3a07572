// The options that name an earlier moment of a branch.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "postgres/recovery.h"

namespace velo::cli {

/// As it was typed; at most one is set.
struct Moment {
  std::string time;
  std::string lsn;
  std::string restore_point;
};

Option pitr_option(Moment& moment);
Option lsn_option(Moment& moment);
Option restore_point_option(Moment& moment);

/// None when nothing was asked for; Errc::usage for more than one, and for what is no moment.
Result<std::optional<postgres::RecoveryTarget>> target_of(const Moment& moment);

}  // namespace velo::cli

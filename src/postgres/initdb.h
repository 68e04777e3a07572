// Making a new cluster.
#pragma once

#include <filesystem>

#include "base/cancel.h"
#include "base/error.h"
#include "base/os_user.h"
#include "postgres/build.h"
#include "postgres/settings.h"

namespace velo::postgres {

/// initdb with data checksums, UTF-8 and the C.UTF-8 locale (PostgreSQL's builtin provider from 17
/// on, whose order no C library upgrade changes), superuser `postgres`, run as `owner`; then
/// velo.conf, and the gate closed (hba.h) with `local all postgres trust` beside the control line,
/// so that the first start can make the control role. `pgdata` is missing or empty, and `owner` can
/// write there. Durable when it returns. Acts as `owner` by itself: do not call it within an ActAs.
/// Errc::server with initdb's own words in detail.
Result<void> make_cluster(const Build& build, const fs::path& pgdata, const OsUser& owner,
                          const Settings& settings, const Cancellation& cancel);

/// What make_cluster does once initdb is through, for a cluster that something else has made: the
/// settings in velo.conf, the gate closed in the same way, all of it durable. Acts as `owner`.
Result<void> adopt_cluster(const fs::path& pgdata, const OsUser& owner, const Settings& settings);

}  // namespace velo::postgres

// PostgreSQL server builds on this machine.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"

namespace velo::postgres {

namespace fs = std::filesystem;

struct Build {
  int major = 0;        ///< 13, 14, …
  std::string version;  ///< "15.18", from `postgres --version`
  fs::path bin;         ///< the directory with postgres and initdb
};

/// The oldest and newest majors that Velo knows.
constexpr int oldest_major = 13;
constexpr int newest_major = 18;

/// All builds found, newest major first (and in the order of this list within one), one for each
/// bin directory: below `<home>/postgres/*/bin`, `/usr/lib/postgresql/*/bin` (Debian),
/// `/usr/pgsql-*/bin` (RPM) and in $PATH (`path_variable`). A directory counts when it holds
/// executable `postgres` and `initdb`, and the former can tell its version. Starts one short
/// process for each build found; never on the way of `branch create`.
Result<std::vector<Build>> find_builds(const fs::path& home, const std::string& path_variable,
                                       const Cancellation& cancel);

/// The build to use for `major` (0: the newest that Velo knows). Errc::not_found names the versions
/// that are there and the package to install; Errc::unsupported for a major that Velo does not
/// know.
Result<Build> choose_build(const std::vector<Build>& builds, int major);

/// "15.18" out of "postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"; "18beta1" gives
/// "18beta1".
Result<std::string> parse_version(std::string_view output);

}  // namespace velo::postgres

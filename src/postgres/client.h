// PostgreSQL's own client programs, which a user runs through Velo.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "postgres/build.h"

namespace velo::postgres {

namespace fs = std::filesystem;

/// A psql to run: of the server builds (newest first, so give them in find_builds()'s order), else
/// in $PATH (`path_variable`), else a client package's in /usr/lib/postgresql/*/bin. Any psql talks
/// to any server; a newer one knows more of it. Errc::not_found with the package to install.
Result<fs::path> find_psql(const std::vector<Build>& builds, const std::string& path_variable);

}  // namespace velo::postgres

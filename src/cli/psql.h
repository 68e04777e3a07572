// The environment that psql is given.
#pragma once

#include <string>
#include <vector>

#include "engine/views.h"

namespace velo::cli {

/// The user's own variables (`inherited` and the PG* ones that Velo keeps out of its own way),
/// without those that would lead psql elsewhere, and the branch's address and password. All
/// "NAME=value".
std::vector<std::string> psql_environment(const std::vector<std::string>& inherited,
                                          const std::vector<std::string>& postgres_vars,
                                          const engine::ConnectionView& connection);

}  // namespace velo::cli

// The schema's migrations, embedded from schema/*.sql at build time.
#pragma once

#include <string_view>
#include <vector>

namespace velo::catalog {

/// Migration i (from 0) takes a catalog from schema version i to i + 1.
const std::vector<std::string_view>& migrations();

}  // namespace velo::catalog

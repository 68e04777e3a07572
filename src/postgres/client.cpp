#include "postgres/client.h"

#include <unistd.h>

#include <algorithm>

#include "base/files.h"
#include "base/text.h"

namespace velo::postgres {

Result<fs::path> find_psql(const std::vector<Build>& builds, const std::string& path_variable) {
  std::vector<fs::path> directories;
  std::ranges::transform(builds, std::back_inserter(directories), &Build::bin);
  for (const std::string_view entry : split(path_variable, ':')) {
    if (entry.starts_with('/')) directories.emplace_back(entry);
  }
  const fs::path debian = "/usr/lib/postgresql";
  auto majors = list_directory(debian).value_or(std::vector<std::string>{});
  std::ranges::reverse(majors);
  for (const std::string& major : majors) directories.push_back(debian / major / "bin");

  for (const fs::path& directory : directories) {
    fs::path psql = directory / "psql";
    std::error_code ignored;
    if (fs::is_regular_file(psql, ignored) && ::access(psql.c_str(), X_OK) == 0) return psql;
  }
  return fail_with_hint(Errc::not_found, "psql is not installed on this machine",
                        "install it: apt install postgresql-client");
}

}  // namespace velo::postgres

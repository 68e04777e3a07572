// Servers of many clusters, found by one look at this machine's processes.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <vector>

namespace velo::runtime {

struct Postmaster {
  pid_t pid = 0;
  std::chrono::sys_seconds started_at;  ///< to within a second
};

/// For each data directory the postmaster that works in it, in their order; nothing where there is
/// none, or its processes are another machine's.
std::vector<std::optional<Postmaster>> postmasters_in(
    const std::vector<std::filesystem::path>& pgdatas);

}  // namespace velo::runtime

// SELinux: what containers may touch where it confines them.
//
// The `:Z` of `docker run -v` does not exist for the API's Mounts, so Velo labels what it mounts by
// itself, as `:z` would: any container may use it, as far as its user may.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/os_user.h"
#include "runtime/docker_api.h"
#include "runtime/runtime.h"

namespace velo::runtime {

inline constexpr std::string_view container_label = "system_u:object_r:container_file_t:s0";

/// What a container of `spec` mounts, where the daemon's /info says that it confines containers by
/// SELinux; else nothing.
std::vector<fs::path> paths_to_label(const nlohmann::json& info, const ServerSpec& spec);

/// Labels the directory and all that is in it, unless it has the label already: what is made in it
/// later, and what btrfs clones of it, has its label from it. Acts as `owner`.
Result<void> label_for_containers(const fs::path& directory, const OsUser& owner);

/// Both, where this machine's kernel runs SELinux at all; the daemon is not asked elsewhere.
Result<void> label_mounts(DockerApi& api, const ServerSpec& spec);

}  // namespace velo::runtime

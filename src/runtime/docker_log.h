// What a container has written.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "runtime/docker_api.h"

namespace velo::runtime {

/// The last `lines` lines of both of its streams.
Result<std::string> log_of(DockerApi& api, const std::string& container, int lines);

/// Appends to the file `log` what the container has written since the last time, or all of it. Up
/// to where is kept beside it, with the extension .at.
Result<void> append_log(DockerApi& api, const std::string& container,
                        const std::filesystem::path& log);

}  // namespace velo::runtime

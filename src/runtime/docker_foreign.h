// Containers that Velo did not make: those of the earlier Velo, when its branches are taken over.
#pragma once

#include <string>

#include "base/error.h"
#include "runtime/docker_api.h"

namespace velo::runtime {

/// See Runtime::look_at_foreign and its companions.
Result<std::string> look_at_foreign(DockerApi& api, const std::string& name);
Result<void> put_foreign_aside(DockerApi& api, const std::string& was);
Result<void> bring_foreign_back(DockerApi& api, const std::string& was);

}  // namespace velo::runtime

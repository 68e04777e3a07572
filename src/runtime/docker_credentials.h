// Credentials for a registry, out of Docker's own configuration.
#pragma once

#include <string>

#include "base/error.h"

namespace velo::runtime {

/// The value of X-Registry-Auth for pulling `image`: from config.json in DOCKER_CONFIG or
/// ~/.docker, asking the credential helper that it names. Empty where it knows none, as for public
/// images. Errc::failed when the file cannot be read or the helper fails for another reason than
/// knowing none.
Result<std::string> registry_auth(const std::string& image);

}  // namespace velo::runtime

// The programs that come with velo.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"

namespace velo {

/// The one of that name: beside the program that runs, as it is built, or where `cmake --install`
/// puts it. Errc::unsupported when it is in neither place.
Result<std::filesystem::path> program_of_ours(const std::string& name);

}  // namespace velo

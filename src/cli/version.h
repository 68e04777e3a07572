// The version, for `velo version` and `velo --version`.
#pragma once

#include <string_view>

namespace velo::cli {

class Context;
std::string_view version();
void answer_version(Context& context);

}  // namespace velo::cli

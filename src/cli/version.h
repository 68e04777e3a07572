// The version, for `velo version` and `velo --version`.
#pragma once

namespace velo::cli {

class Context;
void answer_version(Context& context);

}  // namespace velo::cli

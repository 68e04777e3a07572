// The runtimes there are. The only file that knows their names.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "runtime/runtime.h"

namespace velo::runtime {

struct RuntimeInfo {
  std::string_view name;         ///< what --runtime takes
  std::string_view description;  ///< one line for --help and docs
  std::unique_ptr<Runtime> (*open)();
  bool runs_images = false;  ///< --image is for it
  std::string_view group;    ///< of the system, whose members may use it; empty: nobody needs to
};

/// The one that is preferred where it can serve comes first.
const std::vector<RuntimeInfo>& runtimes();
/// Errc::usage names those there are.
Result<std::unique_ptr<Runtime>> open_runtime(std::string_view name);

}  // namespace velo::runtime

// The scripts that teach a shell to ask `velo __complete`.
#pragma once

#include <string_view>
#include <vector>

namespace velo::cli {

struct CompletionScript {
  std::string_view shell;  ///< "bash"
  std::string_view file;   ///< its name below packaging/completions
  std::string_view text;
};
const std::vector<CompletionScript>& completion_scripts();

}  // namespace velo::cli

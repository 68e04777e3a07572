#include "base/our_programs.h"

#include <unistd.h>

namespace velo {

namespace fs = std::filesystem;

Result<fs::path> program_of_ours(const std::string& name) {
  std::error_code ignored;
  const fs::path own = fs::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const fs::path& path : {own / name, own.parent_path() / "lib/velo" / name}) {
    if (::access(path.c_str(), X_OK) == 0) return path;
  }
  return fail_with_hint(Errc::unsupported,
                        fmt::format("the program {} is neither beside velo ({}) nor in {}", name,
                                    own.string(), (own.parent_path() / "lib/velo").string()),
                        "build or install all of Velo, then again");
}

}  // namespace velo

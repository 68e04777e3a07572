#include "support/odd_build.h"

#include <fstream>

namespace velo::test {

namespace fs = std::filesystem;

void make_odd_build(const fs::path& home, const std::string& program, const std::string& script) {
  const fs::path real = fs::path("/usr/lib/postgresql") / std::to_string(odd_major) / "bin";
  const fs::path bin = home / "postgres/odd/bin";
  fs::create_directories(bin);
  for (const auto& entry : fs::directory_iterator(real)) {
    fs::create_symlink(entry.path(), bin / entry.path().filename());
  }
  fs::remove(bin / program);
  std::ofstream(bin / program) << "#!/bin/sh\nreal=" << (real / program).string() << "\n"
                               << script << "\n";
  for (const fs::path& one : {bin / program, bin, bin.parent_path(), home / "postgres"}) {
    fs::permissions(one, fs::perms(0755));
  }
}

}  // namespace velo::test

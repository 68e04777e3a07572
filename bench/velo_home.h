// Velo as its users have it: the binary, a VELO_HOME, projects in it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/client.h"
#include "bench/tools.h"

namespace velo::bench {

/// A running branch, as `velo branch get` and `velo branch password` tell.
struct BranchFacts {
  fs::path data_directory;
  int pid = 0;
  Address address;
};

class VeloHome {
 public:
  /// An empty one with the grace period off, so that deleting deletes. `docker`: the daemon of its
  /// containers, as DOCKER_HOST says it.
  static Result<VeloHome> make(const fs::path& velo, const fs::path& home,
                               const std::string& docker);

  const fs::path& root() const { return home_; }
  const fs::path& binary() const { return velo_; }

  /// Runs `velo WORDS…`; the time is the whole process's.
  Result<Ran> run(const std::vector<std::string>& words) const;
  Result<BranchFacts> facts(const std::string& branch) const;
  Result<Address> address(const std::string& branch) const;

 private:
  VeloHome(fs::path velo, fs::path home, std::string docker)
      : velo_(std::move(velo)), home_(std::move(home)), docker_(std::move(docker)) {}
  fs::path velo_;
  fs::path home_;
  std::string docker_;
};

}  // namespace velo::bench

// How many servers the machine bears: what the kernel has only so many of, and what an idle server
// takes of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace velo::engine {

/// One thing that there is only so much of.
struct Limit {
  std::string name;    ///< "kernel.shmmni"
  std::string things;  ///< "System V segments"
  std::uint64_t most = 0;
  std::uint64_t taken = 0;
  std::uint64_t of_a_server = 1;
  std::string hint;  ///< how to raise it

  /// For how many more servers there is some left.
  std::uint64_t room() const { return taken >= most ? 0 : (most - taken) / of_a_server; }
};

/// At PostgreSQL's defaults, with nobody connected, in MiB: docs/performance.md has what was seen.
constexpr std::uint64_t memory_of_a_server = 18;

/// Those of this machine and of this process, the tightest first. `root` is where /proc and /sys
/// are looked for.
std::vector<Limit> limits(const std::filesystem::path& root = "/");

/// "memory (24065 MiB) at about 1240, kernel.pid_max (32768) at about 4070": `beside` is how many
/// servers there are already, `names` how many limits are named at most.
std::string to_words(const std::vector<Limit>& limits, std::uint64_t beside, std::size_t names);

}  // namespace velo::engine

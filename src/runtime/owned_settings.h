// What Velo owns of a server's settings.
#pragma once

#include <string>
#include <vector>

#include "runtime/runtime.h"

namespace velo::runtime {

/// Where a server listens, as it sees it itself.
struct Listening {
  std::string addresses;
  int port = 0;
  fs::path socket_directory;
};

/// The arguments behind `postgres`: Velo's settings on the command line, where nothing in the
/// cluster wins over them, and the spec's overrides last.
std::vector<std::string> server_arguments(const ServerSpec& spec, const Listening& listening);

}  // namespace velo::runtime

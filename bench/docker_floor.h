// The bare floor of a branch in a container: two requests to the daemon, create and start, on a
// volume that is cloned already, and the first query. The container is as Velo's own are.
#pragma once

#include <string>

#include "base/error.h"
#include "bench/floor.h"
#include "bench/parent.h"

namespace velo::bench {

/// What the daemon knows of a container of Velo's: the floor's are made like it.
struct ContainerTemplate {
  std::string socket;    ///< the daemon's
  std::string settings;  ///< the body of a create
  fs::path volume;       ///< as it stands in there, …
  fs::path run_directory;
  int port = 0;
};

/// Of the container that serves `branch` now.
Result<ContainerTemplate> container_template(const std::string& endpoint, const VeloHome& velo,
                                             const Parent& parent, const std::string& branch);

/// Clones the parent, and measures from the first request to the first answered query. Takes
/// everything away again.
Result<Millis> create_container(const Parent& parent, const ContainerTemplate& container);

}  // namespace velo::bench

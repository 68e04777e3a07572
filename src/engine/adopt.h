// Records made of volumes that have none, from their marks: after the catalog was lost, or put back
// as it was some time ago.
//
// Nothing is deleted and no server touched. What a branch was before its present life, and what was
// replaced since, stays as a snapshot; what cannot be told to be whole is named and left.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/whereabouts.h"

namespace velo::engine {

struct AdoptionReport {
  struct Adopted {
    std::string name;    ///< "demo/dev", "a snapshot of demo/main"
    std::string volume;  ///< in its pool
    std::string note;    ///< what is worth knowing of it; may be empty
  };
  struct Left {
    std::string volume;  ///< empty: all of the place
    std::string pool;
    std::string why;
  };
  std::vector<Adopted> adopted;
  std::vector<Left> left;
  std::vector<std::string> missing;  ///< records whose volume is not there: "demo/dev (demo-dev)"
};

/// Looks at the places of the catalog's projects, at `places`, and where volumes are made by
/// default. No other command may change the catalog meanwhile.
Result<AdoptionReport> adopt_volumes(Engine& engine, const std::vector<Whereabouts::At>& places);

/// Of volumes in these places, the home whose projects or branches have certificates or logs below
/// this VELO_HOME; empty where none has. For who has lost that record as well.
std::string home_of_volumes(const Home& home, const std::vector<Whereabouts::At>& places);

/// The places to look at where nothing is recorded: the default pool, and those that drivers find.
std::vector<Whereabouts::At> usual_places(const Home& home);

}  // namespace velo::engine

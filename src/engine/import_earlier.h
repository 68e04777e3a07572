// Taking over what the earlier Velo (1.0) made, where it is: its ZFS datasets become volumes, its
// containers are stopped and put aside, and Velo's own serve the same clusters on the same ports.
//
// Nothing is copied. Of a cluster's files Velo changes pg_hba.conf and postgresql.conf (copies are
// kept), adds velo.conf, makes its control role, and sets its own password for the branch: the
// earlier Velo had one for all branches of a project. state.json stays as it is, and with it all of
// this can be given back.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/earlier_state.h"
#include "engine/engine.h"

namespace velo::engine {

struct EarlierImport {
  std::string
      pool;  ///< where the datasets are directories: this one's; empty: the state's ZFS pool
  bool dry_run = false;
};

struct ImportedBranch {
  std::string name;    ///< "demo/dev"
  std::string source;  ///< its dataset, or directory
  std::string volume;
  int port = 0;
};

struct ImportReport {
  std::vector<ImportedBranch> branches;
  std::vector<std::string> notes;
};

/// All projects, each wholly or not at all, one after the other. Before the first everything is
/// looked at: Errc::already_exists where a project of that name is there, not_found where a
/// dataset, a container's image or the pool is not, permission for who is not root.
Result<ImportReport> import_earlier(Engine& engine, const EarlierState& state,
                                    const EarlierImport& request);

/// Gives all of these projects back, with what was written meanwhile, and brings the earlier Velo's
/// containers back with their password. Errc::has_children where Velo made branches or snapshots of
/// them since.
Result<ImportReport> give_back_earlier(Engine& engine, const EarlierState& state, bool dry_run);

}  // namespace velo::engine

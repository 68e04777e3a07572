// The names that a shell can complete.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace velo::cli {

/// Where a completer gets its words from: the catalog in velo, a list in a test. Never fails: what
/// cannot be read completes to nothing.
class Names {
 public:
  Names() = default;
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  Names(Names&&) = delete;
  Names& operator=(Names&&) = delete;
  virtual ~Names() = default;

  virtual std::vector<std::string> projects() = 0;
  virtual std::vector<std::string> branches() = 0;       ///< "demo/dev"
  virtual std::vector<std::string> kept_branches() = 0;  ///< that `branch undelete` can bring back
  virtual std::vector<std::string> kept_projects() = 0;
  virtual std::vector<std::string> snapshots() = 0;  ///< "demo/main@label", or an id
  virtual std::vector<std::string> config_keys() = 0;
};

Completer complete_projects();
Completer complete_branches();
/// Branches other than main, which alone can be deleted or reset.
Completer complete_copies();
/// Branches, and projects for their main.
Completer complete_parents();
/// "demo/": the beginning of a new branch's name.
Completer complete_new_branch();
Completer complete_kept_branches();
Completer complete_kept_projects();
Completer complete_snapshots();
Completer complete_config_keys();
Completer complete_words(std::vector<std::string> words);

}  // namespace velo::cli

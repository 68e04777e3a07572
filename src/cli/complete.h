// Which words can stand next: what the shells ask `velo __complete`.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "cli/names.h"

namespace velo::cli {

struct Candidate {
  std::string word;
  std::string description;  ///< may be empty
};

/// `words` are those after `velo`, the last being the (possibly empty) one under the cursor.
std::vector<Candidate> complete(const Command& root, std::vector<std::string> words, Names& names);

}  // namespace velo::cli

// What volumes weigh, from the extent maps of their files.
#pragma once

#include <filesystem>
#include <vector>

#include "storage/driver.h"

namespace velo::storage {

enum class Accounting {
  extents,  ///< FIEMAP, which knows what is shared; blocks for files whose file system has none
  blocks,   ///< stat's blocks: nothing is shared
};

/// One answer for each tree, in order; zeros for one that is gone. What cannot be looked into is
/// left out. Nothing is flushed: data that is not yet written counts as the space it will take.
std::vector<Sizes> measure_trees(const std::vector<std::filesystem::path>& roots,
                                 Accounting accounting);

}  // namespace velo::storage

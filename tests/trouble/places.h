// Where the tests of this lane that are repeated run.
#pragma once

#include <gtest/gtest.h>

#include "support/velo.h"

namespace velo::test {

inline auto every_driver_and_docker() {
  return testing::Values(Where{.driver = "btrfs"}, Where{.driver = "reflink"},
                         Where{.driver = "copy"}, Where{.driver = "zfs"},
                         Where{.driver = "btrfs", .major = 17, .runtime = "docker"});
}

}  // namespace velo::test

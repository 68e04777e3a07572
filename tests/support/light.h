// Whether tests have a machine under emulation, which takes ten times as long (vm/README.md).
#pragma once

#include <cstdlib>

namespace velo::test {

/// VELO_TEST_LIGHT: fewer rows and rounds where they only make it harder.
inline bool is_light() {
  return std::getenv("VELO_TEST_LIGHT") != nullptr;
}

}  // namespace velo::test

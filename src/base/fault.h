// Fault points: named places where a test build can be killed, made to fail, or made to wait.
//
// A link-time choice: `velo` is linked with fault_off.cpp (a function that does nothing), the
// tests' `velo-faults` with fault_on.cpp, which reads
//   VELO_FAULT="<point>=kill|error|wait[,…]"   kill: SIGKILL to itself; error: Errc::failed;
//                                              wait: until the file named by VELO_FAULT_GATE is
//                                              gone
//   VELO_FAULT_TRACE=<file>                    appends the name of every point passed, a line each
#pragma once

#include <string_view>

#include "base/error.h"

namespace velo {

Result<void> fault_point(std::string_view name);

}  // namespace velo

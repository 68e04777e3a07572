#include "base/fault.h"

namespace velo {

Result<void> fault_point(std::string_view, Boundary, std::string_view) {
  return {};
}

Result<void> fault_point(Fault) {
  return {};
}

std::chrono::milliseconds patience_for(std::chrono::milliseconds usual) {
  return usual;
}

}  // namespace velo

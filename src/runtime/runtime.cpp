#include "runtime/runtime.h"

namespace velo::runtime {
namespace {

std::unexpected<Error> cannot(std::string_view runtime) {
  return fail(Errc::unsupported, "the runtime {} has nothing of an earlier Velo's", runtime);
}

}  // namespace

Result<std::string> Runtime::look_at_foreign(const std::string& /*container*/) const {
  return cannot(name());
}
Result<void> Runtime::put_foreign_aside(const std::string& /*was*/) {
  return cannot(name());
}
Result<void> Runtime::bring_foreign_back(const std::string& /*was*/) {
  return cannot(name());
}

}  // namespace velo::runtime

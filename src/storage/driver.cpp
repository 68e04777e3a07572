#include "storage/driver.h"

namespace velo::storage {
namespace {

std::unexpected<Error> cannot(std::string_view driver) {
  return fail(Errc::unsupported, "the driver {} takes over nothing that an earlier Velo made",
              driver);
}

}  // namespace

Result<std::string> Driver::look_at_foreign(const std::string& /*source*/,
                                            const std::string& /*volume*/) const {
  return cannot(name());
}

Result<void> Driver::adopt(const std::string& /*source*/, const std::string& /*volume*/,
                           const Mark& /*mark*/, const OsUser& /*owner*/) {
  return cannot(name());
}

Result<void> Driver::give_back(const std::string& /*volume*/, const std::string& /*home_id*/,
                               const std::string& /*was*/) {
  return cannot(name());
}

}  // namespace velo::storage

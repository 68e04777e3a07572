// Volumes as plain directories, and a clone as a full copy: for any file system.

#include "base/files.h"
#include "storage/builtin.h"
#include "storage/copy_content.h"
#include "storage/file_by_file.h"
#include "storage/place.h"

namespace velo::storage {
namespace {

constexpr FileByFileDriver::Way way{.name = "copy",
                                    .cost = CloneCost::per_byte,
                                    .content = copy_content,
                                    .accounting = Accounting::blocks};

std::unique_ptr<Driver> open(const fs::path& place) {
  return std::make_unique<FileByFileDriver>(place, way);
}

}  // namespace

constinit const DriverInfo copy_driver{.name = way.name,
                                       .description = "full copies, whose cost grows with the data",
                                       .probe = check_writable,
                                       .open = open};

}  // namespace velo::storage

// The drivers that are built in, each defined in the source of its name; registry.cpp lists them.
#pragma once

#include "storage/registry.h"

namespace velo::storage {

extern const DriverInfo zfs_driver;
extern const DriverInfo btrfs_driver;
extern const DriverInfo reflink_driver;
extern const DriverInfo copy_driver;

}  // namespace velo::storage

// Datasets that an earlier Velo made, in the same base dataset and without a mark: made volumes,
// and given back as they were. Root's work. See Driver::look_at_foreign.
#pragma once

#include <string>

#include "base/error.h"
#include "base/os_user.h"
#include "storage/driver.h"

namespace velo::storage::zfs {

Result<std::string> look_at_foreign(const std::string& place, const std::string& source,
                                    const std::string& volume);
Result<void> adopt(const std::string& place, const std::string& volume, const Mark& mark,
                   const OsUser& owner);
/// `last`: no other volume of anybody's is in the place, so that its base is given back too.
Result<void> give_back(const std::string& place, const std::string& volume, const std::string& was,
                       bool last);

}  // namespace velo::storage::zfs

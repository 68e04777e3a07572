// The directory that an earlier Velo had a cluster in: whose it was, and that it is a volume's root
// now. Nothing in it is touched.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <filesystem>

#include "base/error.h"
#include "base/os_user.h"

namespace velo::storage {

/// {"uid": …, "gid": …, "mode": …}
Result<nlohmann::json> foreign_root(const std::filesystem::path& root);
/// As the roots of volumes are: its owner's alone.
Result<void> give_foreign_root(const std::filesystem::path& root, const OsUser& owner);
Result<void> put_back_root(const std::filesystem::path& root, const nlohmann::json& was);

}  // namespace velo::storage

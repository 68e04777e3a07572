// A catalog as the velo before this one left it.
#pragma once

#include <filesystem>

namespace velo::test {

/// Takes the last migration back: the same rows in the schema before it, without what only the
/// present one has. Nobody may have it open.
void make_older(const std::filesystem::path& database);

/// PRAGMA user_version
int schema_version(const std::filesystem::path& database);

}  // namespace velo::test

// A build of PostgreSQL that is not as it comes: Debian's own, with one program of it wrapped.
#pragma once

#include <filesystem>
#include <string>

namespace velo::test {

/// The major of make_odd_build().
constexpr int odd_major = 15;

/// Puts a build below VELO_HOME/postgres, where Velo takes it before others: `program` of it is a
/// shell script that has `$real` for the true one's path, and this text.
void make_odd_build(const std::filesystem::path& home, const std::string& program,
                    const std::string& script);

}  // namespace velo::test

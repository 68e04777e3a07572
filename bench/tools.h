// Running programs, and bringing the machine to rest between two measurements.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/os_user.h"
#include "bench/statistics.h"

namespace velo::bench {

namespace fs = std::filesystem;

/// What ran programs get as environment: PATH, HOME, LANG, and no PG* variable.
std::vector<std::string> plain_environment();

struct Ran {
  std::string out;
  std::string err;
  Millis took{};  ///< from before the fork until it was reaped
};
/// Runs a program to its end; anything but exit code 0 is an error with what it said.
Result<Ran> run_program(std::vector<std::string> argv, std::vector<std::string> environment,
                        std::optional<OsUser> user = {});

/// Where Debian keeps a major's programs: /usr/lib/postgresql/15/bin.
fs::path debian_bin(int major);

/// A TCP port of 127.0.0.1 that nobody listens on.
Result<int> free_port();

/// Whoever owns a file or directory.
Result<OsUser> owner_of(const fs::path& path);

/// Makes it that user's, where root does the measuring.
Result<void> give(const fs::path& path, const OsUser& user);

/// Waits until what was written there is on the disk, and on btrfs until deleted subvolumes are
/// gone: so that nothing of one measurement falls into the next.
Result<void> settle(const fs::path& place);

}  // namespace velo::bench

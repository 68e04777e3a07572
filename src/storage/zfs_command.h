// Running `zfs`, and what its words mean.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::storage::zfs {

/// Whether this machine has the kernel's part and the programs, and the caller may talk to them. No
/// process is started. The error (Errc::unsupported) says what is missing.
Result<void> check_available();

/// The pools that are imported, sorted; no process is started.
std::vector<std::string> imported_pools();
/// "ONLINE", "DEGRADED", "SUSPENDED"…, as the kernel says it; empty for one that is not imported.
/// No process is started.
std::string health_of(const std::string& pool);

/// `zfs` with these arguments, in the C locale and with an environment of its own; what it wrote.
/// The error is what it said, with the kind that driver.h promises. A suspended pool would hold it
/// for ever: callers look at health_of first.
Result<std::string> zfs(const std::vector<std::string>& arguments);

/// `zpool`, in the same way.
Result<std::string> zpool(const std::vector<std::string>& arguments);

/// The same as zfs(), and what it wrote even where it failed: of several things that it was asked
/// about it tells those that are there.
std::string zfs_as_far_as_it_goes(const std::vector<std::string>& arguments);

/// Whether the pool was imported read-only, which its datasets' properties do not tell.
bool is_imported_read_only(const std::string& pool);

/// The kind that zfs's words stand for, and a hint where there is something to do.
Error error_of(std::string_view words);

/// What -H prints: lines of columns with tabs between them.
std::vector<std::vector<std::string>> rows_of(std::string_view output);

/// A property of one dataset or snapshot as `zfs get` tells it.
struct Property {
  std::string value;   ///< "-" for none
  std::string source;  ///< "local", "inherited from tank", "-"
  bool is_set_here() const { return source == "local" && value != "-"; }
};
/// `zfs get -H -p -o property,value,source NAMES DATASET`, in the order asked. Errc::not_found.
Result<std::vector<Property>> get(const std::vector<std::string>& names,
                                  const std::string& dataset);

}  // namespace velo::storage::zfs

#include "catalog/replace.h"

#include <array>
#include <cstdio>

#include "base/fault.h"
#include "base/files.h"
#include "catalog/seal.h"
#include "catalog/tally.h"

namespace velo::catalog {
namespace {

/// What belongs to a database beside its own file. Without the log a database lacks what was
/// committed last, and another one's log would be read as its own.
constexpr std::array companions{"-wal", "-shm"};

fs::path next_of(const fs::path& path) {
  return path.string() + ".next";
}

Result<void> rename_file(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return sync_directory(to.parent_path());
  const int err = errno;
  return fail_errno(err, fmt::format("rename {} to {}", from.string(), to.string()));
}

Result<void> copy_aside(const fs::path& path, const fs::path& aside) {
  TRY(ensure_directory(aside.parent_path(), 0700));
  TRY(ensure_directory(aside, 0700));
  for (const char* more : {"", "-wal", ".tally"}) {
    const fs::path file = path.string() + more;
    if (!path_exists(file)) continue;
    TRY(write_file_durably(aside / file.filename(), TRY(read_file(file)), 0600));
  }
  return sync_directory(aside.parent_path());
}

}  // namespace

fs::path candidate_of(const fs::path& path) {
  return path.string() + ".candidate";
}

Result<void> replace(const fs::path& path, const fs::path& aside) {
  TRY(fault_point(Fault::replace_begin));
  TRY(copy_aside(path, aside));
  TRY(fault_point(Fault::replace_aside));
  TRY(rename_file(candidate_of(path), next_of(path)));
  TRY(fault_point(Fault::replace_decided));
  return finish_replacement(path);
}

bool is_replacement_due(const fs::path& path) {
  return path_exists(next_of(path));
}

Result<void> finish_replacement(const fs::path& path) {
  if (!is_replacement_due(path)) return {};
  // The log goes before what it belongs to: never is there a database with half of its changes.
  // What is taken away was copied aside.
  TRY(remove_file(path));
  TRY(fault_point(Fault::replace_removed));
  for (const char* more : companions) TRY(remove_file(path.string() + more));
  TRY(remove_file(tally_of(path)));
  TRY(remove_file(seal_of(path)));
  TRY(sync_directory(path.parent_path()));
  TRY(fault_point(Fault::replace_cleared));
  return rename_file(next_of(path), path);
}

}  // namespace velo::catalog

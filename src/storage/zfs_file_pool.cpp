#include "storage/zfs_file_pool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/fd.h"
#include "base/files.h"
#include "base/size.h"
#include "base/text.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_place.h"

namespace velo::storage::zfs {
namespace {

/// On the root dataset of a pool that setup made: an id that it wrote down.
constexpr auto setup_property = "velo:setup";
/// Below this ZFS has no room for its own reserve beside one cluster.
constexpr std::uint64_t smallest_pool = 256ULL << 20U;

std::string inode_of(const fs::path& file) {
  struct stat status{};
  return ::lstat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode)
             ? std::to_string(status.st_ino)
             : "";
}

Result<std::string> make_file(const fs::path& file, std::uint64_t size, bool sparse) {
  const Fd fd = TRY(open_file(file, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  const auto length = static_cast<off_t>(size);
  int err = 0;
  if (sparse) {
    err = ::ftruncate(fd.get(), length) == 0 ? 0 : errno;
  } else {
    err = ::posix_fallocate(fd.get(), 0, length);
  }
  if (err != 0) {
    ::unlink(file.c_str());
    return fail_errno(err, fmt::format("give its size to {}", file.string()));
  }
  return inode_of(file);
}

/// Whether the imported pool of that name is the one that setup made.
Result<bool> is_ours(const FilePool& pool) {
  const auto properties = TRY(get({setup_property}, pool.pool));
  return properties.front().is_set_here() && properties.front().value == pool.id;
}

}  // namespace

Result<bool> is_pool_in_file(const std::string& pool, const fs::path& file) {
  if (health_of(pool).empty()) return false;
  for (const auto& row : rows_of(TRY(zpool({"list", "-H", "-v", "-P", pool})))) {
    if (std::ranges::count(row, file.string()) > 0) return true;
  }
  return fail_with_hint(
      Errc::already_exists,
      fmt::format("there is a ZFS pool {} already, and it is not in {}", pool, file.string()),
      fmt::format("share that one: sudo velo setup --pool {}; or give the new "
                  "one another name with --pool",
                  pool));
}

Result<void> check_new_pool(const std::string& pool, const fs::path& file, std::uint64_t size,
                            bool sparse) {
  if (path_exists(file)) {
    return fail_with_hint(
        Errc::already_exists, fmt::format("{} exists; it was left alone", file.string()),
        fmt::format("if it is the pool {0}: zpool import -d {1} {0}; else choose another file",
                    pool, file.parent_path().string()));
  }
  if (size == 0) {
    return fail_with_hint(
        Errc::usage, "how large should the pool be?",
        fmt::format("sudo velo setup --create-pool {} --size 20G", file.string()));
  }
  if (size < smallest_pool) {
    return fail(Errc::usage, "a pool of {} is too small: at least {} are needed", to_size(size),
                to_size(smallest_pool));
  }
  fs::path where = file.parent_path();
  while (!path_exists(where) && where.has_relative_path()) where = where.parent_path();
  const Space space = TRY(space_of(where));
  if (sparse || space.free >= size) return {};
  return fail_with_hint(
      Errc::no_space,
      fmt::format("{} needs {}, and the file system of {} has {} free", file.string(),
                  to_size(size), where.string(), to_size(space.free)),
      "take a smaller --size, or a file on a larger disk");
}

Result<void> make_file_pool(const FilePool& pool, std::uint64_t size, bool sparse,
                            const std::function<Result<void>(const std::string&)>& note) {
  TRY(note(TRY(make_file(pool.file, size, sparse))));
  TRY(zpool({"create", "-o", "ashift=12", "-m", "none", "-O", "compression=lz4", "-O",
             fmt::format("{}={}", setup_property, pool.id), pool.pool, pool.file.string()}));
  return {};
}

Result<std::vector<std::string>> data_in_file_pool(const FilePool& pool) {
  const bool has_file = !pool.inode.empty() && inode_of(pool.file) == pool.inode;
  if (health_of(pool.pool).empty()) {
    if (!has_file) return std::vector<std::string>{};
    return fail_with_hint(
        Errc::in_use,
        fmt::format("the pool {} in {} is not imported, so what it holds cannot be seen", pool.pool,
                    pool.file.string()),
        fmt::format("zpool import -d {} {}; or destroy it with what it may hold: velo setup "
                    "--undo --force",
                    pool.file.parent_path().string(), pool.pool));
  }
  if (const auto answers = check_pool(pool.pool); !answers) {
    return fail_with_hint(Errc::in_use, answers.error().message, answers.error().hint);
  }
  if (!TRY(is_ours(pool))) return std::vector<std::string>{};
  std::vector<std::string> data;
  for (auto& row : rows_of(TRY(zfs({"list", "-H", "-r", "-t", "all", "-o", "name", pool.pool})))) {
    const std::string& name = row.front();
    if (name == pool.pool || name == pool.pool + "/velo" || name == base_of(pool.pool)) continue;
    data.push_back(name);
  }
  return data;
}

Result<std::string> destroy_file_pool(const FilePool& pool) {
  if (!health_of(pool.pool).empty()) {
    TRY(check_pool(pool.pool));
    if (!TRY(is_ours(pool))) return "the pool of that name is not the one that setup made";
    auto destroyed = zpool({"destroy", pool.pool});
    if (!destroyed) {
      Error error = std::move(destroyed).error();
      error.code = Errc::in_use;
      error.hint = "stop the branches in it (velo branch stop), then again";
      return std::unexpected(std::move(error));
    }
  }
  if (pool.inode.empty() || !path_exists(pool.file)) return "";
  if (inode_of(pool.file) != pool.inode) return "the file is not the one that setup made";
  TRY(remove_file(pool.file));
  TRY(sync_directory(pool.file.parent_path()));
  return "";
}

}  // namespace velo::storage::zfs

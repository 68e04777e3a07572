#include "storage/foreign_root.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/files.h"

namespace velo::storage {
namespace {

Result<void> give(const fs::path& root, uid_t uid, gid_t gid, mode_t mode) {
  const Fd directory = TRY(open_file(root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
  if (::fchown(directory.get(), uid, gid) == 0 && ::fchmod(directory.get(), mode) == 0) return {};
  const int err = errno;
  return fail_errno(err, fmt::format("set the owner of {}", root.string()));
}

}  // namespace

Result<nlohmann::json> foreign_root(const fs::path& root) {
  struct stat status{};
  if (::lstat(root.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) {
    return fail(Errc::not_found, "there is no directory {}", root.string());
  }
  return nlohmann::json{
      {"uid", status.st_uid}, {"gid", status.st_gid}, {"mode", status.st_mode & 07777U}};
}

Result<void> give_foreign_root(const fs::path& root, const OsUser& owner) {
  return give(root, owner.uid, owner.gid, 0700);
}

Result<void> put_back_root(const fs::path& root, const nlohmann::json& was) {
  if (!was.is_object()) return {};
  return give(root, was.value("uid", uid_t{0}), was.value("gid", gid_t{0}),
              was.value("mode", mode_t{0700}));
}

}  // namespace velo::storage

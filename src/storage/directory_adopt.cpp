// Directories that an earlier Velo had clusters in, made volumes by a rename and given back by
// another.
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "storage/directory_volume.h"
#include "storage/foreign_root.h"
#include "storage/mark.h"
#include "storage/place.h"

namespace velo::storage {
namespace {

using nlohmann::json;

Result<void> move_directory(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) != 0) {
    const int err = errno;
    return fail_errno(err, fmt::format("move {} to {}", from.string(), to.string()));
  }
  TRY(sync_directory(to.parent_path()));
  return sync_directory(from.parent_path());
}

}  // namespace

Result<std::string> DirectoryVolumeDriver::look_at_foreign(const std::string& source,
                                                           const std::string& volume) const {
  TRY(presence_of(volume));
  if (!fs::path(source).is_absolute()) return fail(Errc::usage, "{} is no absolute path", source);
  if (path_exists(directory_of(volume))) {
    return fail(Errc::already_exists, "the volume {} already exists in {}", volume,
                base().string());
  }
  return json{{"source", source}, {"root", TRY(foreign_root(source))}}.dump();
}

Result<void> DirectoryVolumeDriver::adopt(const std::string& source, const std::string& volume,
                                          const Mark& mark, const OsUser& owner) {
  TRY(claim(volume, mark));
  TRY(sync_directory(base()));
  TRY(move_directory(source, root_of(volume)));
  TRY(open_to(volume, owner));
  return give_foreign_root(root_of(volume), owner);
}

Result<void> DirectoryVolumeDriver::give_back(const std::string& volume, const std::string& home_id,
                                              const std::string& text) {
  const json was = json::parse(text, nullptr, /*allow_exceptions=*/false);
  const std::string source = was.is_object() ? was.value("source", "") : "";
  if (source.empty()) return fail(Errc::state, "what {} was is not to be read", volume);
  if (!path_exists(directory_of(volume))) return {};
  TRY(check_ours(volume, home_id));
  if (path_exists(root_of(volume))) {
    TRY(put_back_root(root_of(volume), was.value("root", json())));
    TRY(move_directory(root_of(volume), source));
  }
  return remove_claim(volume);
}

}  // namespace velo::storage

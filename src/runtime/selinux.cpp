#include "runtime/selinux.h"

#include <sys/xattr.h>

#include <array>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "runtime/docker_answers.h"

namespace velo::runtime {
namespace {

constexpr const char* attribute = "security.selinux";

bool has_label(const fs::path& path) {
  std::array<char, 256> value{};
  const ssize_t size = ::lgetxattr(path.c_str(), attribute, value.data(), value.size());
  if (size < 0) return false;
  std::string_view label(value.data(), static_cast<size_t>(size));
  if (label.ends_with('\0')) label.remove_suffix(1);
  return label == container_label;
}

Result<void> set_label(const fs::path& path) {
  if (::lsetxattr(path.c_str(), attribute, container_label.data(), container_label.size(), 0) == 0)
    return {};
  auto failed = fail_errno(errno, fmt::format("label {} for containers", path.string()));
  failed.error().hint =
      fmt::format("SELinux confines them; try: chcon -R {} {}", container_label, path.string());
  return failed;
}

}  // namespace

std::vector<fs::path> paths_to_label(const nlohmann::json& info, const ServerSpec& spec) {
  if (!has_security_option(info, "name=selinux")) return {};
  std::vector<fs::path> paths{spec.root, spec.run_directory, spec.certificate.parent_path()};
  if (!spec.archive.empty()) paths.push_back(spec.archive);
  return paths;
}

Result<void> label_for_containers(const fs::path& directory, const OsUser& owner) {
  const ActAs as(owner);
  if (has_label(directory)) return {};
  std::error_code error;
  for (fs::recursive_directory_iterator at(directory, error), end; !error && at != end;
       at.increment(error)) {
    TRY(set_label(at->path()));
  }
  if (error) return fail_errno(error.value(), fmt::format("look into {}", directory.string()));
  // Last, as it is what says that all of it is done.
  return set_label(directory);
}

Result<void> label_mounts(DockerApi& api, const ServerSpec& spec) {
  if (!path_exists("/sys/fs/selinux/enforce")) return {};
  for (const fs::path& path : paths_to_label(TRY(api.get("/info")), spec)) {
    TRY(label_for_containers(path, spec.build.owner));
  }
  return {};
}

}  // namespace velo::runtime

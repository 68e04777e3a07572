#include "base/groups.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/os_user.h"

namespace velo {
namespace {

struct Group {
  gid_t gid = 0;
  bool has_members = false;
};

std::optional<Group> find_group(const std::string& name) {
  std::vector<char> buffer(65536);
  ::group entry{};
  ::group* found = nullptr;
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return std::nullopt;
  return Group{.gid = found->gr_gid, .has_members = *found->gr_mem != nullptr};
}

std::optional<gid_t> gid_of(const std::string& name) {
  const auto group = find_group(name);
  return group ? std::optional(group->gid) : std::nullopt;
}

}  // namespace

bool group_exists(const std::string& group) {
  return gid_of(group).has_value();
}

bool group_has_members(const std::string& group) {
  const auto found = find_group(group);
  return found && found->has_members;
}

bool is_member_of(const std::string& user, const std::string& group) {
  const auto gid = gid_of(group);
  const auto entry = find_user(user);
  if (!gid || !entry) return false;
  int count = 64;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  while (::getgrouplist(user.c_str(), entry->gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
  }
  groups.resize(static_cast<std::size_t>(count));
  return std::ranges::count(groups, *gid) > 0;
}

bool this_process_is_in(const std::string& group) {
  const auto gid = gid_of(group);
  if (!gid) return false;
  if (::getegid() == *gid) return true;
  const int count = ::getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
  if (::getgroups(count, groups.data()) < 0) return false;
  return std::ranges::count(groups, *gid) > 0;
}

}  // namespace velo

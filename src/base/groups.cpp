#include "base/groups.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "base/os_user.h"

namespace velo {
namespace {

std::optional<gid_t> gid_of(const std::string& group) {
  std::vector<char> buffer(65536);
  ::group entry{};
  ::group* found = nullptr;
  ::getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found == nullptr ? std::nullopt : std::optional(found->gr_gid);
}

}  // namespace

bool group_exists(const std::string& group) {
  return gid_of(group).has_value();
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

#include "base/groups.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <vector>

#include "base/os_user.h"

namespace velo {
namespace {

struct Group {
  gid_t gid = 0;
  std::string name;
  bool has_members = false;
};

/// `look` is getgrnam_r(3) or getgrgid_r(3) with its first argument.
template <class Look>
std::optional<Group> find_group(Look look) {
  constexpr std::size_t largest = 64U << 20U;  // of a group with millions of members
  std::vector<char> buffer(65536);
  ::group entry{};
  ::group* found = nullptr;
  while (look(&entry, buffer.data(), buffer.size(), &found) == ERANGE && buffer.size() < largest) {
    buffer.resize(buffer.size() * 2);
  }
  if (found == nullptr) return std::nullopt;
  return Group{
      .gid = found->gr_gid, .name = found->gr_name, .has_members = *found->gr_mem != nullptr};
}

std::optional<Group> find_group(const std::string& name) {
  return find_group([&](auto... rest) { return ::getgrnam_r(name.c_str(), rest...); });
}

std::optional<gid_t> gid_of(const std::string& name) {
  const auto group = find_group(name);
  return group ? std::optional(group->gid) : std::nullopt;
}

}  // namespace

std::optional<std::string> group_name(gid_t group) {
  auto found = find_group([&](auto... rest) { return ::getgrgid_r(group, rest...); });
  if (!found) return std::nullopt;
  return std::move(found->name);
}

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

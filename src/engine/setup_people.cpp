// The steps that let a user use Velo without root.

#include "base/groups.h"
#include "engine/setup_steps.h"
#include "runtime/registry.h"

namespace velo::engine {
namespace {

Step make_group(const SetupWorld& world, const std::string& group) {
  return {.description = fmt::format("Make the group {}", group),
          .already_done = group_exists(group),
          .deed = {.kind = "group", .args = {{"group", group}}},
          .work =
              [&world, group](const Note&) {
                return run_tool("groupadd", "passwd", {"--system", group}, world.cancel);
              },
          .new_groups_of = {}};
}

Step add_to_group(const SetupWorld& world, const std::string& user, const std::string& group,
                  const std::string& what_for) {
  return {.description = fmt::format("Add {} to the group {}{}", user, group, what_for),
          .already_done = is_member_of(user, group),
          .deed = {.kind = "member", .args = {{"user", user}, {"group", group}}},
          .work =
              [&world, user, group](const Note&) {
                return run_tool("gpasswd", "passwd", {"--add", user, group}, world.cancel);
              },
          .new_groups_of = user};
}

}  // namespace

std::vector<Step> people_steps(const SetupWorld& world) {
  const SetupRequest& request = world.request;
  std::vector<Step> steps{make_group(world, request.group)};
  if (request.user.empty()) return steps;
  steps.push_back(add_to_group(world, request.user, request.group, ""));
  for (const runtime::RuntimeInfo& info : runtime::runtimes()) {
    const std::string group(info.group);
    if (group.empty() || !group_exists(group)) continue;  // it is not installed
    steps.push_back(add_to_group(world, request.user, group,
                                 fmt::format(", which may use the runtime {}", info.name)));
  }
  return steps;
}

}  // namespace velo::engine

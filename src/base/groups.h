// Groups of the operating system and who is in them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace velo {

/// By the group database; empty when it knows none of that number.
std::optional<std::string> group_name(gid_t group);

/// By the group database (getgrnam(3)).
bool group_exists(const std::string& group);
/// Whether the group database lists anybody in it.
bool group_has_members(const std::string& group);
/// By the databases: what a login from now on gives.
bool is_member_of(const std::string& user, const std::string& group);
/// What this process was given when its login began.
bool this_process_is_in(const std::string& group);

}  // namespace velo

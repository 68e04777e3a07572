// Users of the operating system, and acting as one of them.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/error.h"

namespace velo {

struct OsUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::string name;
  std::string home;
};

/// getpwnam(3); Errc::not_found.
Result<OsUser> find_user(const std::string& name);
/// Whoever runs this process (by effective uid).
Result<OsUser> current_user();
bool running_as_root();

/// While it lives, the *calling thread's* file accesses are made with that user's rights
/// (setfsuid(2), setfsgid(2): per thread on Linux, and leaving uid 0 drops the file capabilities).
/// Files that it makes belong to the user. Does nothing unless the process is root. This is how
/// Velo touches what an unprivileged server may have prepared for it (links above all).
class ActAs {
 public:
  explicit ActAs(const OsUser& user);
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;
  ActAs(ActAs&&) = delete;
  ActAs& operator=(ActAs&&) = delete;
  ~ActAs();

 private:
  bool active_ = false;
};

}  // namespace velo

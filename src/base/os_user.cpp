#include "base/os_user.h"

#include <pwd.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include <vector>

namespace velo {
namespace {

Result<OsUser> from_entry(int status, const passwd* entry, const std::string& wanted) {
  if (status != 0) return fail_errno(status, fmt::format("look up the user {}", wanted));
  if (entry == nullptr) return fail(Errc::not_found, "there is no system user {}", wanted);
  return OsUser{.uid = entry->pw_uid,
                .gid = entry->pw_gid,
                .name = entry->pw_name,
                .home = entry->pw_dir == nullptr ? "" : entry->pw_dir};
}

}  // namespace

Result<OsUser> find_user(const std::string& name) {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  const int status = ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return from_entry(status, found, name);
}

Result<OsUser> current_user() {
  std::vector<char> buffer(16384);
  passwd entry{};
  passwd* found = nullptr;
  const uid_t uid = ::geteuid();
  const int status = ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  if (status == 0 && found == nullptr) {  // a uid without a name, as in many containers
    return OsUser{.uid = uid, .gid = ::getegid(), .name = std::to_string(uid), .home = {}};
  }
  return from_entry(status, found, std::to_string(uid));
}

bool running_as_root() {
  return ::geteuid() == 0;
}

ActAs::ActAs(const OsUser& user) {
  if (!running_as_root() || user.uid == 0) return;
  ::setfsgid(user.gid);
  ::setfsuid(user.uid);
  active_ = true;
}

ActAs::~ActAs() {
  if (!active_) return;
  ::setfsuid(::geteuid());
  ::setfsgid(::getegid());
}

}  // namespace velo

// velo-map-user UID:GID PROGRAM [ARGUMENT…]: the first program in a container on a rootless Docker
// daemon, where uid 0 is the user outside and every other uid is nobody's that Velo could act as.
//
// PostgreSQL refuses to run as uid 0. So this makes a user namespace in which the container's root,
// and nobody else, is UID:GID, and executes the program there: it is an ordinary user without any
// capability, and its files are the user's outside.
//
// It is mounted into images of any make, so it is linked statically, and uses nothing but libc.

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace {

/// As a shell: it is there and cannot be executed; it is not there.
constexpr int cannot_run = 126;
constexpr int not_found = 127;

void say(std::initializer_list<const char*> pieces) {
  (void)std::fputs("velo-map-user", stderr);
  for (const char* piece : pieces) (void)std::fputs(piece, stderr);
  (void)std::fputs("\n", stderr);
}

[[noreturn]] void give_up(const char* what, const char* hint = "") {
  say({": ", what, ": ", std::strerror(errno), hint});
  std::exit(cannot_run);
}

[[noreturn]] void refuse_user() {
  say({": the user to become is not UID:GID"});
  std::exit(cannot_run);
}

/// The digits that `text` begins with; moves it behind them.
unsigned long number_at(const char*& text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long number = std::strtoul(text, &end, 10);
  constexpr unsigned long nobody = 0xffffffffUL;
  if (std::isdigit(static_cast<unsigned char>(*text)) == 0 || errno != 0 || number >= nobody) {
    refuse_user();
  }
  text = end;
  return number;
}

/// Files of /proc take what they are told in one write.
void tell(const char* file, const char* text) {
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const int fd = ::open(file, O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text, static_cast<std::size_t>(size)) != size) give_up(file);
  ::close(fd);
}

/// "In there UID is what is ID out here, and that is all."
void map_one(const char* file, unsigned long inside, unsigned long outside) {
  char line[64];
  (void)std::snprintf(line, sizeof line, "%lu %lu 1\n", inside, outside);
  tell(file, line);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    say({" UID:GID PROGRAM [ARGUMENT...]"});
    return cannot_run;
  }
  const char* user = argv[1];
  const unsigned long uid = number_at(user);
  if (*user++ != ':') refuse_user();
  const unsigned long gid = number_at(user);
  if (*user != '\0') refuse_user();
  const uid_t uid_outside = ::geteuid();
  const gid_t gid_outside = ::getegid();
  // The groups that root has in the image; in there they would be nobody's.
  if (::setgroups(0, nullptr) != 0) give_up("leave the groups of root");
  if (::unshare(CLONE_NEWUSER) != 0) {
    give_up("make a user namespace",
            "\nWhat may forbid it: seccomp, where the container lacks SYS_ADMIN;"
            " /proc/sys/user/max_user_namespaces; AppArmor");
  }
  tell("/proc/self/setgroups", "deny");  // user_namespaces(7): else gid_map is refused
  map_one("/proc/self/gid_map", gid, gid_outside);
  map_one("/proc/self/uid_map", uid, uid_outside);
  // What capabilities it has in there end with the exec, as its uid is not 0. None come back.
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("renounce privileges");
  ::execvp(argv[2], argv + 2);
  const int why = errno;
  say({": ", argv[2], ": ", std::strerror(why)});
  return why == ENOENT ? not_found : cannot_run;
}

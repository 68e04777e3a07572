#include "bench/tools.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "base/time.h"

namespace velo::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto program_patience = 60min;
constexpr auto rest_patience = 2min;

}  // namespace

std::vector<std::string> plain_environment() {
  return clean_environment();
}

Result<Ran> run_program(std::vector<std::string> argv, std::vector<std::string> environment,
                        std::optional<OsUser> user) {
  const Cancellation never;
  const Command command{.argv = std::move(argv),
                        .environment = std::move(environment),
                        .user = std::move(user),
                        .directory = "/",
                        .input = {}};
  const Stopwatch watch;
  Outcome outcome = TRY(run(command, program_patience, never));
  const Millis took = watch.elapsed();
  if (outcome.exit_status != 0) {
    std::string line;
    for (const std::string& word : command.argv) line += word + " ";
    return fail(Errc::failed, "{}ended with {}: {}", line, outcome.exit_status,
                trim(outcome.err + outcome.out));
  }
  return Ran{.out = std::move(outcome.out), .err = std::move(outcome.err), .took = took};
}

fs::path debian_bin(int major) {
  return fmt::format("/usr/lib/postgresql/{}/bin", major);
}

Result<int> free_port() {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof name;
  if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&name), &size) != 0) {
    return fail_errno(errno, "find a free port");
  }
  return ntohs(name.sin_port);
}

Result<OsUser> owner_of(const fs::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail_errno(errno, fmt::format("look at {}", path.string()));
  }
  return OsUser{.uid = status.st_uid, .gid = status.st_gid, .name = {}, .home = {}};
}

Result<void> give(const fs::path& path, const OsUser& user) {
  if (::geteuid() != 0 || ::chown(path.c_str(), user.uid, user.gid) == 0) return {};
  return fail_errno(errno, fmt::format("give away {}", path.string()));
}

Result<void> settle(const fs::path& place) {
  if (!running_as_root() || TRY(file_system_magic(place)) != BTRFS_SUPER_MAGIC) {
    return sync_file_system(place);
  }
  const Fd directory = TRY(open_file(place, O_RDONLY | O_DIRECTORY));
  const Deadline deadline(rest_patience);
  for (;;) {
    // Unlike syncfs(2) this also wakes the kernel's thread that takes deleted subvolumes away; one
    // in which a process still had a file open is seen by it only the next time.
    if (::ioctl(directory.get(), BTRFS_IOC_SYNC, nullptr) != 0) {
      return fail_errno(errno, fmt::format("sync {}", place.string()));
    }
    const Ran left = TRY(run_program({"/usr/bin/btrfs", "subvolume", "list", "-d", place.string()},
                                     plain_environment()));
    if (left.out.empty()) return {};
    if (deadline.passed()) return fail(Errc::failed, "{} does not come to rest", place.string());
    ::poll(nullptr, 0, 10);
  }
}

}  // namespace velo::bench

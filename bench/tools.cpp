#include "bench/tools.h"

#include <arpa/inet.h>
#include <linux/magic.h>
#include <netinet/in.h>
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
  return Ran{.out = std::move(outcome.out), .took = took};
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

Result<void> settle(const fs::path& place) {
  TRY(sync_file_system(place));  // on btrfs this also wakes who takes deleted subvolumes away
  if (running_as_root() && TRY(file_system_magic(place)) == BTRFS_SUPER_MAGIC) {
    TRY(run_program({"/usr/bin/btrfs", "subvolume", "sync", place.string()}, plain_environment()));
    TRY(sync_file_system(place));
  }
  return {};
}

}  // namespace velo::bench

#include "bench/floor.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/btrfs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <fstream>
#include <utility>

#include "base/files.h"
#include "base/time.h"
#include "bench/floor_files.h"

namespace velo::bench {
namespace {

using namespace std::chrono_literals;

constexpr auto ready_patience = 5min;
constexpr long poll_nanoseconds = 200'000;
/// The line of postmaster.pid that says "ready" (src/include/utils/pidfile.h).
constexpr int status_line = 8;

/// Every `from` in `text` made `to`.
std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::vector<std::string> command_line(const ServerTemplate& server, const fs::path& pgdata,
                                      const fs::path& run_directory, int port) {
  std::vector<std::string> argv;
  for (const std::string& word : server.argv) {
    argv.push_back(replaced(replaced(word, server.data_directory.string(), pgdata.string()),
                            server.run_directory.string(), run_directory.string()));
    if (word == fmt::format("port={}", server.port)) argv.back() = fmt::format("port={}", port);
    // An archiver like Velo's own, without its work: into the template's archive, which is gone, it
    // would fail, and hold up a stop by three seconds.
    if (word.starts_with("archive_command=")) argv.back() = "archive_command=/bin/true";
  }
  return argv;
}

std::unexpected<Error> fail_on(std::string_view doing, const fs::path& path) {
  const int err = errno;
  return fail_errno(err, fmt::format("{} {}", doing, path.string()));
}

Result<void> make_snapshot(const fs::path& source, const fs::path& directory) {
  const Fd from(::open(source.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Fd into(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  btrfs_ioctl_vol_args_v2 arguments{};
  arguments.fd = from.get();
  std::strncpy(arguments.name, "fs", sizeof arguments.name - 1);
  if (::ioctl(into.get(), BTRFS_IOC_SNAP_CREATE_V2, &arguments) == 0) return {};
  return fail_on("make a snapshot in", directory);
}

Result<void> delete_snapshot(const fs::path& directory) {
  const Fd in(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  btrfs_ioctl_vol_args arguments{};
  std::strncpy(arguments.name, "fs", sizeof arguments.name - 1);
  if (::ioctl(in.get(), BTRFS_IOC_SNAP_DESTROY, &arguments) == 0) return {};
  return fail_on("delete the snapshot in", directory);
}

}  // namespace

Result<void> await_ready(const fs::path& pgdata, const std::function<bool()>& has_ended) {
  const fs::path file = pgdata / "postmaster.pid";
  const Deadline deadline(ready_patience);
  for (int looks = 0;; ++looks) {
    std::ifstream in(file);
    std::string line;
    int number = 0;
    while (number < status_line && std::getline(in, line)) ++number;
    if (number == status_line && line.starts_with("ready")) return {};
    // Whether it has ended may cost a question: seldom asked.
    constexpr int looks_a_question = 64;
    if (deadline.passed() || (looks % looks_a_question == looks_a_question - 1 && has_ended())) {
      return fail(Errc::server, "the floor's server did not start");
    }
    const timespec pause{.tv_sec = 0, .tv_nsec = poll_nanoseconds};
    ::nanosleep(&pause, nullptr);
  }
}

FloorServer::FloorServer(FloorServer&& other) noexcept
    : parent_(other.parent_),
      how_(other.how_),
      client_(std::move(other.client_)),
      directory_(std::exchange(other.directory_, {})),
      argv_(std::move(other.argv_)),
      address_(std::move(other.address_)),
      pid_(std::exchange(other.pid_, 0)),
      made_(std::exchange(other.made_, false)) {}

FloorServer::~FloorServer() {
  if (directory_.empty()) return;
  static_cast<void>(stop(SIGQUIT));
  static_cast<void>(remove());
  static_cast<void>(remove_tree(directory_));
}

Result<FloorServer> FloorServer::prepare(const Parent& parent, CloneHow how) {
  static std::atomic<int> number = 0;
  FloorServer floor(parent, how, TRY(Client::connect(parent.main.address)));
  const fs::path directory =
      parent.place / fmt::format("floor-{}-{}", ::getpid(), number.fetch_add(1));
  TRY(create_directory(directory, 0711));
  floor.directory_ = directory;
  const fs::path run_directory = directory / "run";
  TRY(create_directory(run_directory, 0700));
  TRY(give(run_directory, parent.user));
  floor.address_ = parent.main.address.at(TRY(free_port()));
  floor.argv_ =
      command_line(parent.server, directory / "fs/pgdata", run_directory, floor.address_.port);
  if (how != CloneHow::snapshot) {
    // As Velo does, and for the same reason (had_better_sync_at_once in engine/servers.cpp).
    floor.argv_.insert(floor.argv_.end(), {"-c", "recovery_init_sync_method=syncfs"});
  }
  return floor;
}

Result<void> FloorServer::clone(By by) {
  made_ = true;
  if (how_ != CloneHow::snapshot) return clone_by_files();
  // Its commit waits until all WAL up to it is on disk.
  TRY(client_.query(by == By::checkpoint ? "CHECKPOINT"
                                         : "SELECT pg_logical_emit_message(true, 'floor', '')"));
  TRY(make_snapshot(parent_->main.data_directory.parent_path(), directory_));
  const fs::path pid_file = directory_ / "fs/pgdata/postmaster.pid";
  if (::unlink(pid_file.c_str()) != 0) return fail_on("remove", pid_file);
  return {};
}

Result<void> FloorServer::clone_by(const std::function<Result<void>(const fs::path&)>& make) {
  made_ = true;
  TRY(create_directory(directory_ / "fs", 0755));
  TRY(give(directory_ / "fs", parent_->user));
  return make(directory_ / "fs/pgdata");
}

Result<void> FloorServer::clone_by_files() {
  const fs::path& source = parent_->main.data_directory;
  const fs::path target = directory_ / "fs/pgdata";
  TRY(client_.query("SELECT pg_backup_start('floor', true)"));
  if (::mkdir((directory_ / "fs").c_str(), 0755) != 0) return fail_on("make", directory_ / "fs");
  TRY(clone_files(source, target, how_, parent_->user));
  const auto rows =
      TRY(client_.query("SELECT labelfile, pg_walfile_name(lsn) FROM pg_backup_stop(false)"));
  return add_backup(source, target, rows.at(0).at(0), rows.at(0).at(1), how_, parent_->user);
}

void FloorServer::add_settings(const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) argv_.insert(argv_.end(), {"-c", setting});
}

Result<void> FloorServer::start() {
  const fs::path log = directory_ / "log";
  const Fd output(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  std::vector<char*> argv;
  for (std::string& word : argv_) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::array<std::string, 2> variables{"PATH=/usr/bin:/bin", "LANG=C.UTF-8"};
  const std::array<char*, 3> environment{variables[0].data(), variables[1].data(), nullptr};
  pid_ = ::fork();
  if (pid_ < 0) return fail_errno(errno, "start postgres");
  if (pid_ == 0) {
    ::setsid();
    ::dup2(output.get(), 1);
    ::dup2(output.get(), 2);
    ::umask(077);
    if (::geteuid() == 0 &&
        (::setgroups(0, nullptr) != 0 ||
         ::setresgid(parent_->user.gid, parent_->user.gid, parent_->user.gid) != 0 ||
         ::setresuid(parent_->user.uid, parent_->user.uid, parent_->user.uid) != 0)) {
      ::_exit(126);
    }
    ::execve(argv.front(), argv.data(), environment.data());
    ::_exit(127);
  }
  const auto ended = [&] { return ::waitpid(pid_, nullptr, WNOHANG) == pid_; };
  auto ready = await_ready(directory_ / "fs/pgdata", ended);
  if (!ready) {
    ready.error().detail = read_file(directory_ / "log").value_or("");
    return ready;
  }
  return first_query(address_);
}

Result<void> FloorServer::stop(int signal) {
  if (pid_ == 0) return {};
  ::kill(pid_, signal);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  return {};
}

Result<void> FloorServer::remove() {
  if (!std::exchange(made_, false)) return {};
  if (how_ == CloneHow::snapshot) return delete_snapshot(directory_);
  return remove_tree(directory_ / "fs");
}

}  // namespace velo::bench

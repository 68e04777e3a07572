#include "bench/floor_files.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <fstream>
#include <thread>

#include "base/fd.h"
#include "base/files.h"

namespace velo::bench {
namespace {

constexpr std::array<std::string_view, 8> emptied = {
    "pg_wal",    "pg_replslot",  "pg_dynshmem", "pg_notify",
    "pg_serial", "pg_snapshots", "pg_stat_tmp", "pg_subtrans",
};

bool is_left_out(const std::string& name) {
  return name == "postmaster.pid" || name == "postmaster.opts" || name == "backup_label" ||
         name.starts_with("pgsql_tmp") || name.starts_with("pg_internal.init");
}

/// 0 or an errno. A file that is gone meanwhile is none.
int clone_file(const fs::path& from, const fs::path& to, CloneHow how, const OsUser& user) {
  const Fd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) return errno == ENOENT ? 0 : errno;
  const Fd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!target) return errno;
  if (::geteuid() == 0 && ::fchown(target.get(), user.uid, user.gid) != 0) return errno;
  if (how == CloneHow::reflink) {
    return ::ioctl(target.get(), FICLONE, source.get()) == 0 ? 0 : errno;
  }
  constexpr std::size_t at_once = 1U << 30U;
  for (;;) {
    const ssize_t n = ::copy_file_range(source.get(), nullptr, target.get(), nullptr, at_once, 0);
    if (n < 0) return errno;
    if (n == 0) return 0;
  }
}

}  // namespace

Result<void> clone_files(const fs::path& source, const fs::path& target, CloneHow how,
                         const OsUser& user) {
  std::vector<std::string> files;
  std::vector<std::string> directories{""};
  for (std::size_t i = 0; i < directories.size(); ++i) {
    const fs::path made = target / directories[i];
    if (::mkdir(made.c_str(), 0700) != 0 ||
        (::geteuid() == 0 && ::chown(made.c_str(), user.uid, user.gid) != 0)) {
      return fail_errno(errno, fmt::format("make {}", made.string()));
    }
    if (std::ranges::find(emptied, directories[i]) != emptied.end()) continue;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(source / directories[i], error)) {
      const std::string name = entry.path().filename();
      const std::string path = directories[i].empty() ? name : directories[i] + "/" + name;
      if (entry.is_directory()) {
        directories.push_back(path);
      } else if (!is_left_out(name)) {
        files.push_back(path);
      }
    }
  }
  std::atomic<std::size_t> next = 0;
  std::atomic<int> failed = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < files.size() && failed == 0; i = next++) {
      if (const int err = clone_file(source / files[i], target / files[i], how, user); err != 0) {
        failed = err;
      }
    }
  };
  {
    std::vector<std::jthread> threads(std::max(1U, std::thread::hardware_concurrency()));
    for (std::jthread& thread : threads) thread = std::jthread(work);
  }
  if (failed != 0) return fail_errno(failed, fmt::format("clone {}", source.string()));
  return {};
}

Result<void> add_backup(const fs::path& source, const fs::path& target, const std::string& label,
                        const std::string& last_segment, CloneHow how, const OsUser& user) {
  // "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)"
  constexpr std::string_view before = "(file ";
  const std::size_t at = label.find(before);
  if (at == std::string::npos) return fail(Errc::server, "a backup label without a file");
  const std::string first = label.substr(at + before.size(), last_segment.size());
  for (const std::string& name : TRY(list_directory(source / "pg_wal"))) {
    if (name.size() != last_segment.size() || name < first || name > last_segment) continue;
    const int err = clone_file(source / "pg_wal" / name, target / "pg_wal" / name, how, user);
    if (err != 0) return fail_errno(err, fmt::format("clone {}", name));
  }
  const fs::path file = target / "backup_label";
  std::ofstream(file) << label;
  if (::geteuid() == 0 && ::chown(file.c_str(), user.uid, user.gid) != 0) {
    return fail_errno(errno, fmt::format("give away {}", file.string()));
  }
  return {};
}

}  // namespace velo::bench

#include "storage/clone_tree.h"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <optional>

#include "base/fd.h"
#include "base/files.h"
#include "storage/entries.h"
#include "storage/workers.h"

namespace velo::storage {
namespace {

constexpr std::size_t files_a_job = 64;
constexpr mode_t mode_bits = 07777;

/// What an open of an entry that was there a moment ago says when it is gone or is another kind of
/// thing by now.
bool vanished(int err) {
  return err == ENOENT || err == ELOOP || err == ENOTDIR || err == ENXIO;
}

std::array<timespec, 2> only_modification_time(const struct stat& status) {
  return {timespec{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, status.st_mtim};
}

/// The first error of many threads.
class Failure {
 public:
  explicit Failure(fs::path root) : root_(std::move(root)) {}

  void keep(int err, std::string_view verb, const std::string& path) {
    const std::scoped_lock lock(mutex_);
    if (error_) return;
    error_ = fail_errno(err, fmt::format("{} {}", verb, (root_ / path).string())).error();
    happened_ = true;
  }
  bool happened() const { return happened_; }
  Result<void> result() const {
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  const fs::path root_;
  std::mutex mutex_;
  std::optional<Error> error_;
  std::atomic<bool> happened_ = false;
};

/// A directory of the source and the one that becomes its clone, open while anything in it waits.
class Directory {
 public:
  Directory(Fd source_fd, Fd target_fd, std::string relative_path, Failure& failure)
      : source(std::move(source_fd)),
        target(std::move(target_fd)),
        path(std::move(relative_path)),
        failure_(failure) {}
  Directory(const Directory&) = delete;
  Directory& operator=(const Directory&) = delete;
  Directory(Directory&&) = delete;
  Directory& operator=(Directory&&) = delete;
  /// The last one to hold it has filled it: only now its mode may forbid writing and its time
  /// stays.
  ~Directory() {
    struct stat status{};
    if (::fstat(source.get(), &status) != 0 ||
        ::fchmod(target.get(), status.st_mode & mode_bits) != 0 ||
        ::futimens(target.get(), only_modification_time(status).data()) != 0) {
      failure_.keep(errno, "finish the clone of", path);
    }
  }

  std::string path_of(std::string_view name) const {
    return path.empty() ? std::string(name) : fmt::format("{}/{}", path, name);
  }

  const Fd source;
  const Fd target;
  const std::string path;  ///< relative to the volume's root, which is ""

 private:
  Failure& failure_;
};
using SharedDirectory = std::shared_ptr<Directory>;

class TreeClone {
 public:
  TreeClone(const fs::path& source, const OsUser& owner, const FileFilter& leave_out,
            CloneContent clone_content)
      : source_(source),
        owner_(owner),
        leave_out_(leave_out),
        clone_content_(clone_content),
        failure_(source) {}

  Result<void> run(const fs::path& target) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    Fd source_fd = TRY(open_file(source_, flags));
    Fd target_fd = TRY(open_file(target, flags));
    {
      const ActAs as_owner(owner_);
      fill(std::make_shared<Directory>(std::move(source_fd), std::move(target_fd), "", failure_));
    }
    workers_.finish();
    return failure_.result();
  }

 private:
  /// Files go to the workers in batches; directories and links, which are few, are made right here.
  void fill(const SharedDirectory& directory) {
    std::vector<Entry> entries;
    if (const int err = read_entries(directory->source.get(), entries); err != 0) {
      if (err != ENOENT) failure_.keep(err, "read", directory->path);
      return;
    }
    std::vector<std::string> files;
    for (Entry& entry : entries) {
      if (failure_.happened()) return;
      if (entry.kind == EntryKind::other) continue;
      const bool is_directory = entry.kind == EntryKind::directory;
      const LeaveOut left =
          leave_out_ ? leave_out_(directory->path_of(entry.name), is_directory) : LeaveOut::nothing;
      if (left == LeaveOut::all || (left == LeaveOut::contents && !is_directory)) continue;
      if (is_directory) {
        clone_directory(*directory, entry.name, left == LeaveOut::contents);
      } else if (entry.kind == EntryKind::link) {
        clone_link(*directory, entry.name);
      } else {
        files.push_back(std::move(entry.name));
        if (files.size() == files_a_job) submit(directory, std::exchange(files, {}));
      }
    }
    if (!files.empty()) submit(directory, std::move(files));
  }

  void submit(const SharedDirectory& directory, std::vector<std::string> files) {
    workers_.submit([this, held = directory, names = std::move(files)]() mutable {
      const ActAs as_owner(owner_);
      const SharedDirectory parent = std::move(held);  // let go of while still acting as the owner
      for (const std::string& name : names) {
        if (failure_.happened()) return;
        clone_file(*parent, name);
      }
    });
  }

  void clone_directory(const Directory& parent, const std::string& name, bool leave_empty) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    const std::string path = parent.path_of(name);
    Fd source(::openat(parent.source.get(), name.c_str(), flags));
    if (!source) {
      if (!vanished(errno)) failure_.keep(errno, "open", path);
      return;
    }
    if (::mkdirat(parent.target.get(), name.c_str(), 0700) != 0) {
      return failure_.keep(errno, "make", path);
    }
    Fd target(::openat(parent.target.get(), name.c_str(), flags));
    if (!target) return failure_.keep(errno, "open the new", path);
    const auto directory =
        std::make_shared<Directory>(std::move(source), std::move(target), path, failure_);
    if (!leave_empty) fill(directory);
  }

  void clone_link(const Directory& parent, const std::string& name) {
    std::array<char, PATH_MAX> destination{};
    struct stat status{};
    const ssize_t length =
        ::readlinkat(parent.source.get(), name.c_str(), destination.data(), destination.size() - 1);
    if (length < 0 ||
        ::fstatat(parent.source.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) {
      // EINVAL: it is no link any more.
      if (errno != EINVAL && !vanished(errno)) failure_.keep(errno, "read", parent.path_of(name));
      return;
    }
    if (::symlinkat(destination.data(), parent.target.get(), name.c_str()) != 0 ||
        ::utimensat(parent.target.get(), name.c_str(), only_modification_time(status).data(),
                    AT_SYMLINK_NOFOLLOW) != 0) {
      failure_.keep(errno, "make the link", parent.path_of(name));
    }
  }

  void clone_file(const Directory& parent, const std::string& name) {
    const int flags = O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
    const Fd source(::openat(parent.source.get(), name.c_str(), O_RDONLY | flags));
    if (!source) {
      if (!vanished(errno)) failure_.keep(errno, "open", parent.path_of(name));
      return;
    }
    struct stat status{};
    if (::fstat(source.get(), &status) != 0) {
      return failure_.keep(errno, "look at", parent.path_of(name));
    }
    if (!S_ISREG(status.st_mode)) return;
    const Fd target(
        ::openat(parent.target.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | flags, 0600));
    if (!target) return failure_.keep(errno, "make", parent.path_of(name));
    const int err =
        status.st_size == 0 ? 0 : clone_content_(source.get(), target.get(), status.st_size);
    if (err != 0) return failure_.keep(err, "clone", parent.path_of(name));
    if (::fchmod(target.get(), status.st_mode & mode_bits) != 0 ||
        ::futimens(target.get(), only_modification_time(status).data()) != 0) {
      failure_.keep(errno, "set the mode and time of", parent.path_of(name));
    }
  }

  const fs::path& source_;
  const OsUser& owner_;
  const FileFilter& leave_out_;
  const CloneContent clone_content_;
  Failure failure_;
  Workers workers_;  // last: its threads end before what they use
};

}  // namespace

Result<void> clone_tree(const fs::path& source, const fs::path& target, const OsUser& owner,
                        const FileFilter& leave_out, CloneContent clone_content) {
  TRY(TreeClone(source, owner, leave_out, clone_content).run(target));
  return sync_file_system(target);
}

}  // namespace velo::storage

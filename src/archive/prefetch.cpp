#include "archive/prefetch.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "archive/draft.h"
#include "archive/store.h"
#include "archive/zstd_file.h"
#include "base/fault.h"
#include "base/files.h"
#include "postgres/wal_page.h"

namespace velo::archive {
namespace {

using postgres::WalFile;
using postgres::WalName;

/// FNV-1a, 64 bits.
class Hash {
 public:
  void add(std::string_view bytes) {
    for (const char c : bytes) {
      state_ = (state_ ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
    }
  }
  template <class Number>
  void add_number(Number number) {
    add(fmt::format("{} ", number));
  }
  std::string hex() const { return fmt::format("{:016x}", state_); }

 private:
  std::uint64_t state_ = 0xCBF29CE484222325U;
};

/// Names one state of one file, in this boot of the machine.
Result<std::string> key_of(const fs::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    return fail_errno(errno, fmt::format("look at {}", file.string()));
  }
  Hash hash;
  hash.add(TRY(read_file("/proc/sys/kernel/random/boot_id")));
  hash.add_number(status.st_dev);
  hash.add_number(status.st_ino);
  hash.add_number(status.st_size);
  for (const timespec& time : {status.st_mtim, status.st_ctim}) {
    hash.add_number(time.tv_sec);
    hash.add_number(time.tv_nsec);
  }
  return hash.hex();
}

/// Whether it is whole, by its size and first page: what was checked when it was made ready is not
/// read again.
bool looks_whole(const fs::path& file, const WalName& name, std::uint64_t segment_size) {
  const auto fd = open_file(file, O_RDONLY | O_NOFOLLOW);
  struct stat status{};
  if (!fd || ::fstat(fd->get(), &status) != 0) return false;
  std::array<char, postgres::long_page_header> head{};
  const ssize_t got = ::pread(fd->get(), head.data(), head.size(), 0);
  postgres::SegmentCheck check(name, static_cast<std::uint64_t>(status.st_size));
  return static_cast<std::uint64_t>(status.st_size) == segment_size && got > 0 &&
         check.first_page({head.data(), static_cast<std::size_t>(got)}).has_value();
}

/// On btrfs an fsync of a file that was renamed since the last commit of the file system is such a
/// commit (need_log_inode and btrfs_record_unlink_dir in fs/btrfs/tree-log.c), which waits for all
/// that the replay has dirtied; and PostgreSQL syncs each segment that it is given. A new file of
/// the same blocks is synced by itself. Whether that was done; where not, nothing was.
bool clone_file(const fs::path& from, const fs::path& to) {
  const auto source = open_file(from, O_RDONLY | O_NOFOLLOW);
  if (!source || file_system_magic(from).value_or(0) != BTRFS_SUPER_MAGIC) return false;
  const Fd target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!target) return false;
  if (::ioctl(target.get(), FICLONE, source->get()) != 0) {
    ::unlink(to.c_str());
    return false;
  }
  ::unlink(from.c_str());
  return true;
}

/// Has the kernel begin to write it out, for the blocks of a file that are not on disk are written
/// before another file can have them.
void begin_to_write_out(const fs::path& file) {
  if (const auto fd = open_file(file, O_RDONLY | O_NOFOLLOW)) {
    ::sync_file_range(fd->get(), 0, 0, SYNC_FILE_RANGE_WRITE);
  }
}

/// rename(2), or what comes nearest between file systems.
Result<bool> move_file(const fs::path& from, const fs::path& to) {
  if (clone_file(from, to) || ::rename(from.c_str(), to.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  if (errno != EXDEV) return fail_errno(errno, fmt::format("move {}", from.string()));
  const Fd fd = TRY(open_file(from, O_RDONLY));
  Draft draft = TRY(Draft::begin(to));
  TRY(read_pieces(fd.get(), from.string(),
                  [&](std::string_view bytes) { return draft.append(bytes); }));
  TRY(draft.replace());
  ::unlink(from.c_str());
  return true;
}

}  // namespace

Result<bool> Prefetch::take(const Lineage& lineage, std::string_view name,
                            const fs::path& target) const {
  const auto wal = postgres::parse_wal_name(name);
  if (!wal || wal->kind != WalFile::segment) return false;
  const Found found = TRY(find(lineage, name));
  const auto key = key_of(found.file);
  if (!key) return false;
  const fs::path ready = directory_ / fmt::format("{}.{}", name, *key);
  if (!looks_whole(ready, *wal, lineage.segment_size)) return false;
  return move_file(ready, target).value_or(false);
}

void Prefetch::make_ready(const Lineage& lineage, const WalName& served) const {
  remove_but(lineage, served);
  for (std::uint64_t i = 1; i <= ahead; ++i) {
    const std::string name = to_string(later_segment(served, i, lineage.segment_size));
    const auto found = find(lineage, name);
    if (!found || found->source->kind != SourceKind::archive) return;
    const auto key = key_of(found->file);
    if (!key) return;
    const fs::path ready = directory_ / fmt::format("{}.{}", name, *key);
    if (path_exists(ready)) continue;
    const auto got = Store(found->source->directory).get(name, ready);
    // Another process is at this one.
    if (!got && got.error().code == Errc::in_use) continue;
    begin_to_write_out(ready);
    if (!got || !fault_point(Fault::wal_fetch_ahead)) return;
  }
}

void Prefetch::remove_but(const Lineage& lineage, const WalName& served) const {
  const std::uint64_t last = served.number(lineage.segment_size);
  for (const std::string& file : list_directory(directory_).value_or(std::vector<std::string>{})) {
    std::string_view name = file;
    if (name.starts_with('.')) name.remove_prefix(1);  // a draft
    const auto wal = postgres::parse_wal_name(name.substr(0, name.find('.')));
    if (!wal) continue;
    const std::uint64_t number = wal->number(lineage.segment_size);
    // Others may be further on by now: theirs are not of the past.
    const bool is_wanted =
        wal->timeline >= served.timeline && number > last && number <= last + 3 * ahead;
    if (!is_wanted) ::unlink((directory_ / file).c_str());
  }
}

void make_ready_detached(const fs::path& lineage_file, const Lineage& lineage,
                         const WalName& served) {
  const Prefetch prefetch(lineage_file);
  ::mkdir((lineage_file.parent_path() / "prefetch").c_str(), 0700);
  if (::fork() != 0) return;  // without a child everything is read when it is asked for
  ::setsid();
  // The server's log is not held open by us, and nobody waits for its end.
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int fd : {0, 1, 2}) ::dup2(nowhere, fd);
  ::close_range(3, ~0U, 0);
  prefetch.make_ready(lineage, served);
  ::_exit(0);
}

}  // namespace velo::archive

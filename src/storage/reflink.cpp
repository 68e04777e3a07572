// Volumes as directories whose files share their blocks: a clone costs a call for each file. For
// XFS, and for btrfs, bcachefs and ZFS (with block cloning) without their own snapshots.

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdlib>

#include "base/fd.h"
#include "base/files.h"
#include "storage/builtin.h"
#include "storage/copy_content.h"
#include "storage/file_by_file.h"
#include "storage/place.h"

namespace velo::storage {
namespace {

int clone_content(int source, int target, off_t size) {
  if (::ioctl(target, FICLONE, source) == 0) return 0;
  switch (errno) {
    // Single files that cannot be shared in a place that can: ZFS refuses blocks that are not on
    // disk yet (EAGAIN) or of another record size (EINVAL), btrfs a file with copy-on-write
    // switched off (EINVAL). They are copied.
    case EAGAIN:
    case EINVAL:
    case EXDEV:
    case EOPNOTSUPP:
      return copy_content(source, target, size);
    default:
      return errno;
  }
}

constexpr FileByFileDriver::Way way{.name = "reflink",
                                    .cost = CloneCost::per_file,
                                    .content = clone_content,
                                    .accounting = Accounting::extents};

/// A file without a name; the file system keeps it while it is open.
Result<Fd> temporary_file(const fs::path& directory) {
  std::string path = (directory / ".velo-probe-XXXXXX").string();
  Fd fd(::mkostemp(path.data(), O_CLOEXEC));
  if (!fd) {
    const int err = errno;
    return fail_errno(err, fmt::format("make a file in {}", directory.string()));
  }
  ::unlink(path.c_str());
  return fd;
}

Result<void> probe(const fs::path& place) {
  TRY(check_writable(place));
  const fs::path directory = nearest_directory(place);
  const Fd source = TRY(temporary_file(directory));
  const Fd target = TRY(temporary_file(directory));
  const std::string block(4096, 'v');
  if (::write(source.get(), block.data(), block.size()) != static_cast<ssize_t>(block.size())) {
    const int err = errno;
    return fail_errno(err, fmt::format("write to a file in {}", directory.string()));
  }
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return {};
  switch (errno) {
    case EAGAIN:  // ZFS: not yet, but it could
      return {};
    case EOPNOTSUPP:
    case EXDEV:
    case EINVAL:
    case ENOTTY: {
      const std::string kind = file_system_name(place);
      if (kind == "XFS") {
        return fail_with_hint(
            Errc::unsupported,
            fmt::format("{} is on an XFS that was made without reflink", place.string()),
            "an XFS made with mkfs.xfs -m reflink=1 (the default since xfsprogs 5.1) can share "
            "blocks");
      }
      return fail(Errc::unsupported, "{} is on {}, whose files cannot share blocks", place.string(),
                  kind);
    }
    default: {
      const int err = errno;
      return fail_errno(err, fmt::format("share blocks between files in {}", directory.string()));
    }
  }
}

std::unique_ptr<Driver> open(const fs::path& place) {
  return std::make_unique<FileByFileDriver>(place, way);
}

}  // namespace

constinit const DriverInfo reflink_driver{
    .name = way.name,
    .description = "reflinks, which share the blocks of each file (quick)",
    .probe = probe,
    .open = open};

}  // namespace velo::storage

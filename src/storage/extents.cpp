#include "storage/extents.h"

#include <fcntl.h>
#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>

#include "base/fd.h"
#include "base/files.h"
#include "storage/entries.h"
#include "storage/workers.h"

namespace velo::storage {
namespace {

constexpr std::size_t files_a_job = 32;
constexpr std::uint64_t block_size = 512;  // of st_blocks, whatever the file system's own is

struct Total {
  std::atomic<std::uint64_t> referenced = 0;
  std::atomic<std::uint64_t> exclusive = 0;

  void add(const Sizes& sizes) {
    referenced += sizes.referenced;
    exclusive += sizes.exclusive;
  }
};

/// struct fiemap with room for the extents that follow it: 64 hold nearly every file in one call.
struct ExtentMap {
  static constexpr std::uint32_t room = 64;
  alignas(fiemap) std::array<std::byte, sizeof(fiemap) + (room * sizeof(fiemap_extent))> bytes{};

  fiemap& head() { return *reinterpret_cast<fiemap*>(bytes.data()); }
};

std::uint64_t data_of(const fiemap_extent& extent, std::uint64_t file_size) {
  // An inline extent claims a whole block though its bytes lie within the metadata.
  if ((extent.fe_flags & FIEMAP_EXTENT_DATA_INLINE) != 0) {
    return std::min<std::uint64_t>(extent.fe_length, file_size);
  }
  return extent.fe_length;
}

std::optional<Sizes> extents_of(int file, std::uint64_t file_size) {
  Sizes sizes;
  ExtentMap map;
  std::uint64_t from = 0;
  for (bool last = false; !last;) {
    fiemap& head = map.head();
    head = {.fm_start = from,
            .fm_length = FIEMAP_MAX_OFFSET - from,
            .fm_flags = 0,
            .fm_mapped_extents = 0,
            .fm_extent_count = ExtentMap::room,
            .fm_reserved = 0};
    if (::ioctl(file, FS_IOC_FIEMAP, &head) != 0) return std::nullopt;
    if (head.fm_mapped_extents == 0) break;
    for (std::uint32_t i = 0; i < head.fm_mapped_extents; ++i) {
      const fiemap_extent& extent = head.fm_extents[i];
      const std::uint64_t bytes = data_of(extent, file_size);
      sizes.referenced += bytes;
      if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) == 0) sizes.exclusive += bytes;
      from = extent.fe_logical + extent.fe_length;
      last = (extent.fe_flags & FIEMAP_EXTENT_LAST) != 0;
    }
  }
  return sizes;
}

Sizes size_of(int directory, const char* name, Accounting accounting) {
  struct stat status{};
  if (::fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_blocks == 0) {
    return {};
  }
  const Sizes blocks{.referenced = static_cast<std::uint64_t>(status.st_blocks) * block_size,
                     .exclusive = static_cast<std::uint64_t>(status.st_blocks) * block_size};
  if (accounting == Accounting::blocks || !S_ISREG(status.st_mode)) return blocks;
  const Fd file(::openat(directory, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!file) return blocks;
  return extents_of(file.get(), static_cast<std::uint64_t>(status.st_size)).value_or(blocks);
}

class Measurement {
 public:
  explicit Measurement(Accounting accounting) : accounting_(accounting) {}

  void add(const std::shared_ptr<const Fd>& directory, Total& total) {
    std::vector<Entry> entries;
    if (read_entries(directory->get(), entries) != 0) return;
    std::vector<std::string> files;
    for (Entry& entry : entries) {
      if (entry.kind == EntryKind::directory) {
        const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
        const auto below =
            std::make_shared<const Fd>(::openat(directory->get(), entry.name.c_str(), flags));
        if (*below) add(below, total);
      } else if (entry.kind == EntryKind::file) {
        files.push_back(std::move(entry.name));
        if (files.size() == files_a_job) submit(directory, std::exchange(files, {}), total);
      }
    }
    if (!files.empty()) submit(directory, std::move(files), total);
  }

  void finish() { workers_.finish(); }

 private:
  void submit(const std::shared_ptr<const Fd>& directory, std::vector<std::string> files,
              Total& total) {
    workers_.submit([directory, names = std::move(files), &total, accounting = accounting_] {
      for (const std::string& name : names) {
        total.add(size_of(directory->get(), name.c_str(), accounting));
      }
    });
  }

  const Accounting accounting_;
  Workers workers_;
};

}  // namespace

std::vector<Sizes> measure_trees(const std::vector<fs::path>& roots, Accounting accounting) {
  std::deque<Total> totals(roots.size());
  Measurement measurement(accounting);
  for (std::size_t i = 0; i < roots.size(); ++i) {
    auto root = open_file(roots[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (root) measurement.add(std::make_shared<const Fd>(std::move(*root)), totals[i]);
  }
  measurement.finish();
  std::vector<Sizes> sizes;
  sizes.reserve(totals.size());
  for (const Total& total : totals) {
    sizes.push_back({.referenced = total.referenced, .exclusive = total.exclusive});
  }
  return sizes;
}

}  // namespace velo::storage

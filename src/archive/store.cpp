#include "archive/store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "archive/draft.h"
#include "archive/zstd_file.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/files.h"
#include "postgres/wal.h"
#include "postgres/wal_page.h"

namespace velo::archive {
namespace {

using postgres::WalFile;
using postgres::WalName;

constexpr std::string_view suffix = ".zst";
/// That of the largest segments: the other files of an archive are small.
constexpr std::uint64_t largest_file = 1U << 30U;

Result<WalName> require_name(std::string_view name) {
  if (const auto parsed = postgres::parse_wal_name(name)) return *parsed;
  return fail(Errc::usage, "\"{}\" is not the name of a WAL file", name);
}

Result<std::uint64_t> size_of(const Fd& fd, const fs::path& path) {
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, fmt::format("look at {}", path.string()));
  }
  if (!S_ISREG(status.st_mode)) return fail(Errc::failed, "{} is not a file", path.string());
  return static_cast<std::uint64_t>(status.st_size);
}

/// A file of an archive, open.
struct Stored {
  fs::path path;
  bool compressed = false;
  Fd fd;
};

Result<Fd> open_directory(const fs::path& directory) {
  auto opened = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!opened && opened.error().code == Errc::not_found) {
    return fail(Errc::storage, "the archive {} is gone", directory.string());
  }
  return opened;
}

/// Empty when there is none of that name.
Result<std::optional<Stored>> open_stored(const fs::path& directory, std::string_view name) {
  const Fd opened = TRY(open_directory(directory));
  for (const std::string_view form : {suffix, std::string_view()}) {
    fs::path path = directory / fmt::format("{}{}", name, form);
    Fd fd(::openat(opened.get(), path.filename().c_str(),
                   O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (fd) return Stored{std::move(path), !form.empty(), std::move(fd)};
    if (errno != ENOENT) return fail_errno(errno, fmt::format("open {}", path.string()));
  }
  return std::nullopt;
}

Result<void> read_content(const Stored& stored, const Sink& sink) {
  const std::string shown = stored.path.string();
  if (!stored.compressed) return read_pieces(stored.fd.get(), shown, sink);
  // A small frame can hold terabytes of zeros.
  if (const std::uint64_t size = TRY(content_size(stored.fd.get(), shown)); size > largest_file) {
    return fail(Errc::corrupt, "{} is damaged: it says that it holds {} bytes", shown, size);
  }
  return decompress(stored.fd.get(), shown, sink);
}

/// Whether `stored` holds what `file` does.
Result<bool> same_content(const Stored& stored, const Fd& file, const fs::path& shown) {
  const std::uint64_t size = TRY(size_of(file, shown));
  std::string own;
  std::uint64_t offset = 0;
  bool same = true;
  TRY(read_content(stored, [&](std::string_view bytes) -> Result<void> {
    own.resize(bytes.size());
    const ssize_t n = ::pread(file.get(), own.data(), own.size(), static_cast<off_t>(offset));
    if (n < 0) return fail_errno(errno, fmt::format("read {}", shown.string()));
    same = same && own == bytes && static_cast<std::size_t>(n) == bytes.size();
    offset += bytes.size();
    return {};
  }));
  return same && offset == size;
}

/// For what is there already: the process that put it may have died before it was durable.
Result<void> accept_same(const Stored& stored, const Fd& file, const fs::path& shown) {
  const auto same = same_content(stored, file, shown);
  if (!same) return std::unexpected(same.error());
  if (!*same) {
    return fail(Errc::already_exists, "the archive holds another file of this name: {} is not {}",
                stored.path.string(), shown.string());
  }
  if (::fsync(stored.fd.get()) != 0) {
    return fail_errno(errno, fmt::format("sync {}", stored.path.string()));
  }
  return sync_directory(stored.path.parent_path());
}

/// Sees to it that a plain file is what its name says, as far as that can be told.
class PlainCheck {
 public:
  PlainCheck(const WalName& name, std::uint64_t size) : name_(name), check_(name, size) {}

  Result<void> next(std::string_view bytes) {
    const bool is_first = std::exchange(seen_, seen_ + bytes.size()) == 0;
    if (name_.kind == WalFile::segment) return check_.next(bytes);
    // A partial one is followed by whatever its file held before.
    return name_.kind == WalFile::partial && is_first ? check_.first_page(bytes) : Result<void>{};
  }
  /// Nothing at all came.
  Result<void> end() { return seen_ == 0 ? next({}) : Result<void>{}; }

 private:
  WalName name_;
  postgres::SegmentCheck check_;
  std::uint64_t seen_ = 0;
};

/// What a compressed file says; empty when it says nothing.
std::optional<std::uint64_t> size_inside(const fs::path& file) {
  const auto fd = open_file(file, O_RDONLY);
  const auto size = fd ? content_size(fd->get(), file.string()) : std::unexpected(fd.error());
  return size ? std::optional(*size) : std::nullopt;
}

Timestamp time_of(const struct statx_timestamp& time) {
  return Timestamp(std::chrono::seconds(time.tv_sec) +
                   std::chrono::microseconds(time.tv_nsec / 1000));
}

}  // namespace

Result<void> Store::put(const fs::path& file, std::string_view name) const {
  TRY(require_name(name));
  const Fd from = TRY(open_file(file, O_RDONLY));
  const std::uint64_t size = TRY(size_of(from, file));
  if (const auto stored = TRY(open_stored(directory_, name))) {
    return accept_same(*stored, from, file);
  }
  Draft draft = TRY(Draft::begin(directory_ / fmt::format("{}{}", name, suffix)));
  TRY(fault_point(Fault::wal_push_begun));
  TRY(compress(from.get(), size, file.string(),
               [&](std::string_view bytes) { return draft.append(bytes); }));
  TRY(fault_point(Fault::wal_push_compressed));
  TRY(draft.sync());
  TRY(fault_point(Fault::wal_push_synced));
  if (const auto named = draft.name_as_new(); !named) {
    if (named.error().code != Errc::already_exists) return named;
    const auto stored = TRY(open_stored(directory_, name));  // somebody was faster
    return stored ? accept_same(*stored, from, file) : named;
  }
  TRY(fault_point(Fault::wal_push_named));
  return sync_directory(directory_);
}

Result<void> Store::get(std::string_view name, const fs::path& target) const {
  if (TRY(find_and_get(name, target))) return {};
  return fail(Errc::not_found, "{} is not in {}", name, directory_.string());
}

Result<std::optional<fs::path>> Store::find_and_get(std::string_view name,
                                                    const fs::path& target) const {
  const WalName wal = TRY(require_name(name));
  auto stored = TRY(open_stored(directory_, name));
  if (!stored) return std::nullopt;
  Draft draft = TRY(Draft::begin(target));
  PlainCheck check(wal, TRY(size_of(stored->fd, stored->path)));
  const auto take = [&](std::string_view bytes) -> Result<void> {
    if (!stored->compressed) {
      if (const auto fits = check.next(bytes); !fits) {
        return fail(Errc::corrupt, "{} is damaged: {}", stored->path.string(),
                    fits.error().message);
      }
    }
    return draft.append(bytes);
  };
  TRY(read_content(*stored, take));
  if (!stored->compressed && !check.end()) {
    return fail(Errc::corrupt, "{} is damaged: it is empty", stored->path.string());
  }
  TRY(draft.replace());
  return std::move(stored->path);
}

Result<std::optional<fs::path>> Store::locate(std::string_view name) const {
  TRY(require_name(name));
  auto stored = TRY(open_stored(directory_, name));
  if (!stored) return std::nullopt;
  return std::move(stored->path);
}

Result<std::vector<Entry>> Store::list() const {
  const Fd directory = TRY(open_directory(directory_));
  std::vector<Entry> entries;
  // All segments of a cluster have one size: the first tells it for the others.
  std::optional<std::optional<std::uint64_t>> segment_size;
  for (const std::string& file : TRY(list_directory(directory_))) {
    std::string_view name = file;
    const bool compressed = name.ends_with(suffix);
    if (compressed) name.remove_suffix(suffix.size());
    const auto wal = postgres::parse_wal_name(name);
    if (!wal) continue;
    struct statx status{};
    if (::statx(directory.get(), file.c_str(), AT_SYMLINK_NOFOLLOW, STATX_SIZE | STATX_MTIME,
                &status) != 0) {
      if (errno == ENOENT) continue;  // removed meanwhile
      return fail_errno(errno, fmt::format("look at {}", (directory_ / file).string()));
    }
    Entry entry{.name = std::string(name),
                .compressed = compressed,
                .stored = status.stx_size,
                .original = std::nullopt,
                .put_at = time_of(status.stx_mtime)};
    if (!compressed) {
      entry.original = status.stx_size;
    } else if (wal->kind == WalFile::segment) {
      if (!segment_size) segment_size = size_inside(directory_ / file);
      entry.original = *segment_size;
    }
    entries.push_back(std::move(entry));
  }
  std::ranges::sort(entries, {}, &Entry::name);
  return entries;
}

Result<void> Store::remove(std::string_view name) const {
  TRY(require_name(name));
  TRY(remove_file(directory_ / fmt::format("{}{}", name, suffix)));
  return remove_file(directory_ / name);
}

}  // namespace velo::archive

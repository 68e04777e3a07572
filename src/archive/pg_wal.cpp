#include "archive/pg_wal.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

#include "archive/draft.h"
#include "archive/zstd_file.h"
#include "base/fd.h"
#include "base/files.h"
#include "postgres/wal.h"
#include "postgres/wal_page.h"

namespace velo::archive {
namespace {

/// Whether the open file is what its name says, by its first page; history files always are.
Result<bool> holds(const Fd& fd, std::string_view name) {
  const auto wal = postgres::parse_wal_name(name);
  if (!wal) return fail(Errc::usage, "\"{}\" is not the name of a WAL file", name);
  if (wal->kind != postgres::WalFile::segment && wal->kind != postgres::WalFile::partial) {
    return true;
  }
  struct stat status{};
  std::array<char, postgres::long_page_header> head{};
  const ssize_t got = ::pread(fd.get(), head.data(), head.size(), 0);
  if (got < 0 || ::fstat(fd.get(), &status) != 0) {
    return fail_errno(errno, fmt::format("read {} in pg_wal", name));
  }
  postgres::SegmentCheck check(*wal, static_cast<std::uint64_t>(status.st_size));
  return check.first_page({head.data(), static_cast<std::size_t>(got)}).has_value();
}

/// Empty when there is none, or it holds something else.
Result<std::optional<Fd>> open_in(const fs::path& directory, std::string_view name) {
  const auto opened = open_file(directory, O_RDONLY | O_DIRECTORY);
  if (!opened) return fail(Errc::storage, "{}", opened.error().message);
  Fd fd(::openat(opened->get(), std::string(name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    return fail_errno(errno, fmt::format("open {}", (directory / name).string()));
  }
  if (!TRY(holds(fd, name))) return std::nullopt;
  return fd;
}

}  // namespace

Result<std::optional<fs::path>> locate_in_pg_wal(const fs::path& directory, std::string_view name) {
  if (!TRY(open_in(directory, name))) return std::nullopt;
  return directory / name;
}

Result<std::optional<fs::path>> copy_from_pg_wal(const fs::path& directory, std::string_view name,
                                                 const fs::path& target) {
  const auto fd = TRY(open_in(directory, name));
  if (!fd) return std::nullopt;
  Draft draft = TRY(Draft::begin(target));
  TRY(read_pieces(fd->get(), (directory / name).string(),
                  [&](std::string_view bytes) { return draft.append(bytes); }));
  // Had the server begun to write another segment into this file while it was read, then from its
  // first page on.
  if (!TRY(holds(*fd, name))) return std::nullopt;
  TRY(draft.replace());
  return directory / name;
}

}  // namespace velo::archive

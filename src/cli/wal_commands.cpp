#include "cli/wal_commands.h"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <exception>

#include "archive/lineage.h"
#include "archive/prefetch.h"
#include "archive/progress.h"
#include "archive/store.h"
#include "base/files.h"

namespace velo::cli {
namespace {

constexpr int failed_push = 1;
constexpr int not_in_the_archive = 1;
constexpr int failed_fetch = 126;

/// Goes into the server's log.
void say_line(std::string_view text) {
  const std::string line = fmt::format("{}\n", text);
  if (::write(STDERR_FILENO, line.data(), line.size()) < 0) return;
}

void say(std::string_view text) {
  say_line(fmt::format("velo wal {}", text));
}

int push(const fs::path& directory, const fs::path& file, std::string_view name) {
  const auto put = archive::Store(directory).put(file, name);
  if (put) return 0;
  say(fmt::format("push: {} was not archived: {}", name, put.error().message));
  return failed_push;
}

/// Errc::not_found only when the lineage's sources have not got it.
Result<void> serve(const archive::Lineage& lineage, const fs::path& lineage_file,
                   std::string_view name, const fs::path& target) {
  const auto ready = archive::Prefetch(lineage_file).take(lineage, name, target);
  if (ready && *ready) return {};
  TRY(archive::fetch(lineage, name, target));
  return {};
}

Result<void> count(const fs::path& lineage_file, std::string_view name, const fs::path& target) {
  struct stat status{};
  if (::stat(target.c_str(), &status) != 0) {
    return fail_errno(errno, fmt::format("look at {}", target.string()));
  }
  archive::Progress progress = TRY(archive::read_progress(lineage_file));
  progress.segment = name;
  ++progress.segments;
  progress.bytes += static_cast<std::uint64_t>(status.st_size);
  return archive::write_progress(lineage_file, progress);
}

int fetch(const fs::path& lineage_file, std::string_view name, const fs::path& target) {
  const auto lineage = archive::read_lineage(lineage_file);
  if (!lineage) {
    say_line(archive::fetch_failure(name, lineage.error()));
    return failed_fetch;
  }
  const auto served = serve(*lineage, lineage_file, name, target);
  if (!served) {
    // PostgreSQL asks for what need not be there, and says so itself.
    if (served.error().code == Errc::not_found) return not_in_the_archive;
    say_line(archive::fetch_failure(name, served.error()));
    return failed_fetch;
  }
  const auto wal = postgres::parse_wal_name(name);
  if (wal->kind != postgres::WalFile::segment) return 0;
  if (const auto counted = count(lineage_file, name, target); !counted) {
    say(fmt::format("fetch: {}", counted.error().message));
  }
  archive::make_ready_detached(lineage_file, *lineage, *wal);
  return 0;
}

}  // namespace

std::optional<int> run_wal_command(int argc, char** argv) {
  const auto word = [&](int i) { return i < argc ? std::string_view(argv[i]) : ""; };
  if (word(1) != "wal" || (word(2) != "push" && word(2) != "fetch")) return std::nullopt;
  const bool is_push = word(2) == "push";
  const int failure = is_push ? failed_push : failed_fetch;
  if (argc != 7 || word(3) != (is_push ? "--archive" : "--lineage")) {
    say(is_push ? "push: usage: velo wal push --archive DIRECTORY PATH NAME"
                : "fetch: usage: velo wal fetch --lineage FILE NAME TARGET");
    return failure;
  }
  // A limit on the size of files is an error like a full disk.
  (void)std::signal(SIGXFSZ, SIG_IGN);
  try {
    return is_push ? push(word(4), word(5), word(6)) : fetch(word(4), word(5), word(6));
  } catch (const std::exception& exception) {
    say(fmt::format("{}: internal error: {}", word(2), exception.what()));
    return failure;
  }
}

}  // namespace velo::cli

#include "postgres/hba.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <optional>
#include <string>

#include "base/files.h"
#include "base/text.h"
#include "postgres/connection.h"

namespace velo::postgres {

const std::string_view default_hba =
    "# TYPE  DATABASE     USER  ADDRESS  METHOD\n"
    "local   all          all            scram-sha-256\n"
    "host    all          all   all      scram-sha-256\n"
    "local   replication  all            scram-sha-256\n"
    "host    replication  all   all      scram-sha-256\n";

namespace {

constexpr std::string_view begin_marker = "# velo: begin";
constexpr std::string_view end_marker = "# velo: end";

// `all` means every database but not a physical replication connection, which only the word
// `replication` matches. Over TCP both are refused. On the socket nothing need be said about
// replication: the role has no password, and whoever reaches the socket's directory is already let
// in as a superuser by the first line.
constexpr std::string_view block =
    "# velo: begin (Velo's own way in; these lines are put back when they are missing)\n"
    "local  all              velo_control       trust\n"
    "host   all,replication  velo_control  all  reject\n"
    "# velo: end\n";

fs::path active_file(const fs::path& pgdata) {
  return pgdata / "pg_hba.conf";
}
fs::path waiting_file(const fs::path& pgdata) {
  return pgdata / "pg_hba.conf.open";
}

/// A file's lines without Velo's block, or what is left of one.
std::string without_block(std::string_view text) {
  std::string rest;
  bool inside = false;
  for (const std::string_view line : lines_of(text)) {
    const bool begins = line.starts_with(begin_marker);
    const bool ends = line.starts_with(end_marker);
    if (begins || ends) {
      inside = begins;
      continue;
    }
    if (inside && line.find(control_role) != std::string_view::npos) continue;
    rest += line;
    rest += '\n';
  }
  return rest;
}

/// The text of a file, empty when it is missing or blank.
Result<std::optional<std::string>> text_of(const fs::path& path) {
  auto text = read_file(path);
  if (!text) {
    if (text.error().code == Errc::not_found) return std::nullopt;
    return std::unexpected(std::move(text).error());
  }
  if (trim(*text).empty()) return std::nullopt;
  return std::move(*text);
}

/// Sees to it that the block is at the top of `path`; `fallback` follows it in a file that is gone.
Result<bool> ensure_block(const fs::path& path, std::string_view fallback) {
  const std::optional<std::string> text = TRY(text_of(path));
  const std::string wanted =
      std::string(block) + (text ? without_block(*text) : std::string(fallback));
  if (text == wanted) return false;
  TRY(write_file_durably(path, wanted, 0600));
  return true;
}

Result<void> rename_file(const fs::path& from, const fs::path& to) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return {};
  const int reason = errno;
  return fail_errno(reason, fmt::format("rename {} to {}", from.string(), to.string()));
}

}  // namespace

Gate gate_of(const fs::path& pgdata) {
  return path_exists(waiting_file(pgdata)) ? Gate::closed : Gate::open;
}

Result<void> close_gate(const fs::path& pgdata) {
  if (gate_of(pgdata) == Gate::open) {
    if (path_exists(active_file(pgdata))) {
      TRY(rename_file(active_file(pgdata), waiting_file(pgdata)));
    } else {
      TRY(write_file_durably(waiting_file(pgdata), default_hba, 0600));
    }
  }
  return write_file(active_file(pgdata), block, 0600);
}

Result<void> open_gate(const fs::path& pgdata) {
  if (gate_of(pgdata) == Gate::open) {
    TRY(ensure_control_lines(pgdata));
    return {};
  }
  TRY(ensure_block(waiting_file(pgdata), default_hba));
  return rename_file(waiting_file(pgdata), active_file(pgdata));
}

Result<bool> ensure_control_lines(const fs::path& pgdata) {
  const bool closed = gate_of(pgdata) == Gate::closed;
  return ensure_block(active_file(pgdata), closed ? std::string_view{} : default_hba);
}

}  // namespace velo::postgres

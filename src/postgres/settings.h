// Configuration files: quoting, Velo's own part of postgresql.conf, and what a clone must not
// inherit.
//
// PostgreSQL's precedence, lowest first: postgresql.conf (with its includes), postgresql.auto.conf
// (ALTER SYSTEM), the server's command line. Velo gives on the command line only what it owns, and
// writes all else where ALTER SYSTEM still wins.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::postgres {

namespace fs = std::filesystem;
using Settings = std::map<std::string, std::string>;

/// The file beside postgresql.conf that holds the settings given to Velo (--pg-conf) and what keeps
/// a clone quiet; postgresql.conf's last line includes it.
inline constexpr std::string_view velo_conf = "velo.conf";

/// What PostgreSQL's manual would have where each write takes new blocks: WAL segments are neither
/// filled with zeros ahead nor used again (wal_init_zero, wal_recycle). A clone's first checkpoint
/// would otherwise, in one of four, write 16 MiB of zeros for its next segment.
Settings wal_settings_where_writes_take_new_blocks();

/// 'it''s' with backslashes doubled and line ends as \n: a value in a configuration file
/// (guc-file.l).
std::string quote_value(std::string_view value);

/// "k=v" → (k, v), k in lower case. Errc::usage for what is no setting name (letters, digits, _ and
/// one dot), and for the settings that Velo owns (port, listen_addresses, unix_socket_directories,
/// data_directory, hba_file, ident_file, ssl*, archive_*, …), with the command that does it instead
/// where there is.
Result<std::pair<std::string, std::string>> parse_setting(std::string_view text);

/// Reads the `name = value` lines of a configuration file; names in lower case, the last of a name
/// wins, include directives are left out.
Settings parse_conf(std::string_view text);
/// Replaces velo.conf with these and sees to it that postgresql.conf ends with its include: what
/// stands behind the include would win, so the include is moved to the end where it is not.
Result<void> write_velo_conf(const fs::path& pgdata, const Settings& settings);
/// Takes these names out of postgresql.auto.conf (names compare without case).
Result<void> remove_from_auto_conf(const fs::path& pgdata, const std::vector<std::string>& names);

}  // namespace velo::postgres

// Who may log in: pg_hba.conf, and Velo's lines at its top.
//
// Velo's block lets `velo_control` in over the Unix socket, whose directory only the server's user
// (and root) can enter, and nowhere else. A *closed* cluster's pg_hba.conf holds that block only,
// so that nobody commits into a branch that may yet be undone; the user's own file waits beside it
// as pg_hba.conf.open. Opening is one rename. All of these can be repeated after a crash.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.h"

namespace velo::postgres {

namespace fs = std::filesystem;

/// What a new cluster admits besides the control connection: everybody with a password.
extern const std::string_view default_hba;

enum class Gate { closed, open };

/// Puts the user's file aside (if it is not already) and leaves the block alone in pg_hba.conf.
Result<void> close_gate(const fs::path& pgdata);
/// Puts the user's file back, with the block at its top. The server must be told to reload
/// (SIGHUP).
Result<void> open_gate(const fs::path& pgdata);
Gate gate_of(const fs::path& pgdata);
/// Sees to it that the block is at the top of pg_hba.conf; true when the file had to be changed.
Result<bool> ensure_control_lines(const fs::path& pgdata);

}  // namespace velo::postgres

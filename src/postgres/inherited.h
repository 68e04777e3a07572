// The configuration files that a clone inherits, made fit for it; the half of prepare_clone() that
// is about settings.
#pragma once

#include <filesystem>

#include "base/error.h"
#include "postgres/settings.h"

namespace velo::postgres {

namespace fs = std::filesystem;

struct Inheritance {
  fs::path source_root;  ///< the parent's volume
  fs::path root;         ///< the clone's volume
  fs::path pgdata;       ///< inside `root`
  int major = 0;         ///< no setting that a server of this major does not know is written
  Settings settings;     ///< the clone's own, stronger than all else
  Settings defaults;     ///< for what no file says anything of
};

/// In postgresql.conf, velo.conf and postgresql.auto.conf: values that are paths into the parent's
/// volume then lie at the same place in the clone's; files that both servers would write elsewhere
/// (log_directory, external_pid_file, stats_temp_directory) are given up, and huge_pages = on, for
/// which the machine may have no more pages, becomes try. velo.conf becomes what it was, and what
/// keeps the clone quiet, and `settings`; nothing of these is left in postgresql.auto.conf, where
/// it would win. Can be repeated.
Result<void> adapt_inherited_settings(const Inheritance& inheritance);

}  // namespace velo::postgres

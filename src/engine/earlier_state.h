// The state.json of the earlier Velo (1.0, TypeScript): what it says, checked, as plain data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace velo::engine {

struct EarlierBranch {
  std::string id;    ///< a UUID
  std::string name;  ///< "dev", of "demo/dev"
  std::optional<std::string> parent_id;
  bool is_primary = false;
  std::string dataset;  ///< without pool and base: "demo-dev"
  int port = 0;
  Timestamp created_at;
  bool ran = false;  ///< by its record, which is not always so
};

struct EarlierProject {
  std::string name;
  std::string image;
  std::string user;
  std::string password;
  std::string database;
  Timestamp created_at;
  std::vector<EarlierBranch> branches;  ///< parents before their children
};

struct EarlierState {
  std::string pool;
  std::string base;  ///< below the pool: "velo/databases"
  std::vector<EarlierProject> projects;
  std::vector<std::string> snapshots;  ///< ZFS's names of them
};

/// Whether a document looks like one, well or not.
bool is_earlier_state(std::string_view text);
/// Errc::usage names what in it cannot be.
Result<EarlierState> parse_earlier_state(std::string_view text);

}  // namespace velo::engine

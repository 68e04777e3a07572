// Settings of this VELO_HOME: `velo config`.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "engine/engine.h"

namespace velo::engine {

struct ConfigEntry {
  std::string key;    ///< "grace"
  std::string value;  ///< as set, or the default
  std::string default_value;
  bool is_set = false;
  std::string description;  ///< one line
};

/// All keys there are, set or not: grace (24h), retention (7d), guard (5%), pool (where new
/// projects live), runtime (auto), archive (on).
Result<std::vector<ConfigEntry>> list_config(Engine& engine);
/// Errc::not_found for an unknown key, with the nearest one.
Result<ConfigEntry> get_config(Engine& engine, const std::string& key);
/// Errc::usage for a value that the key cannot have. A shorter grace period holds for what is kept
/// already: what is older than it goes at once. A longer one does not.
Result<ConfigEntry> set_config(Engine& engine, const std::string& key, const std::string& value);
Result<ConfigEntry> unset_config(Engine& engine, const std::string& key);

}  // namespace velo::engine

// What `velo setup` did, written down before it is done, so that --undo takes back exactly that.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::engine {

/// One thing that setup did: a line of the table in setup_undo.cpp, and what that needs to know.
struct Deed {
  std::string kind;  ///< "mount"; empty: nothing to take back
  std::map<std::string, std::string> args;

  const std::string& arg(const std::string& key) const;
};

/// A JSON file of root's. Each change is durable when it returns; without deeds there is no file.
class SetupRecord {
 public:
  /// A missing one is empty. Errc::permission when somebody other than root could have written it
  /// (undo acts on what it says), Errc::state for what is no record.
  static Result<SetupRecord> open(std::filesystem::path path);

  const std::vector<Deed>& deeds() const { return deeds_; }
  Result<void> add(Deed deed);
  /// Adds to what is known of the latest deed.
  Result<void> note(const std::string& key, const std::string& value);
  Result<void> drop_latest();

 private:
  explicit SetupRecord(std::filesystem::path path) : path_(std::move(path)) {}
  Result<void> write() const;

  std::filesystem::path path_;
  std::vector<Deed> deeds_;
};

}  // namespace velo::engine

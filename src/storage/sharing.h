// What root does once so that ordinary users can make volumes in a place: for drivers whose places
// need rights and a helper (zfs). The driver says what has to be there; the engine's setup makes
// it, writes it down and takes it back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"

namespace velo::storage {

struct SharingRequest {
  std::filesystem::path place;      ///< "tank"
  std::string group;                ///< whose members may make volumes there
  std::filesystem::path pool_file;  ///< the pool is made in this file first; empty: it is there
  std::uint64_t pool_size = 0;
  bool sparse = false;
};

/// What the driver itself does, as data that outlives the process: the driver's own words.
using ActArgs = std::map<std::string, std::string>;
struct Act {
  std::string description;  ///< "Make the dataset tank/velo/databases"
  bool already_done = false;
  ActArgs args;
};

/// A file of root's that users depend on.
struct SharedFile {
  std::filesystem::path path;
  std::string what_for;  ///< "mounts users' volumes"
  mode_t mode = 0644;
  std::string text;     ///< its content, or with `is_line` one line of it
  std::string program;  ///< instead of a text: a program that is installed with velo
  bool is_line = false;
  /// A program that must approve of the file before it is put in place: name and arguments, the
  /// file's path comes last; and the package that it is in.
  std::vector<std::string> check;
  std::string check_package;
};

struct SharingPlan {
  std::vector<Act> acts;  ///< in order, then the files
  std::vector<SharedFile> files;
  /// Of root's, for passing through: made when missing, the outermost first.
  std::vector<std::filesystem::path> directories;
};

/// Tells more about an act, durably, before what depends on it is done.
using NoteOnAct = std::function<Result<void>(const std::string& key, const std::string& value)>;

struct Sharing {
  /// Changes nothing; may be asked by anybody. The error says why the place cannot be shared.
  Result<SharingPlan> (*plan)(const SharingRequest& request);
  Result<void> (*perform)(const ActArgs& act, const NoteOnAct& note);
  /// "Take the rights on tank/velo/databases from the group velo"
  std::string (*undo_in_words)(const ActArgs& act);
  /// Takes back what there is of an act, from nothing to all of it; says why where something is
  /// left because it is no longer what the act made.
  Result<std::string> (*take_back)(const ActArgs& act);
  /// Who could no longer use, nor delete, what they have, were all of these taken back: "alice
  /// (demo-main)". Not root, and nobody on a pool that goes with what it holds.
  Result<std::vector<std::string>> (*users)(const std::vector<ActArgs>& acts);
  /// The data that take_back would destroy: names. Errc::in_use where it cannot be seen.
  Result<std::vector<std::string>> (*data)(const ActArgs& act);
};

}  // namespace velo::storage

// A small world for the kill tests, and what must hold in it whatever was killed.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "support/velo.h"

namespace velo::test {

/// What should not be after a crash: rows of demo/main that are gone, and what nothing refers to or
/// does not agree.
struct Harm {
  int lost = 0;
  int orphans = 0;
};

/// demo/main with a thousand rows and x = 1, demo/dev with x = 2, and demo/child (x = 3) below it.
/// Nothing is kept after a delete or a reset, so that an orphan cannot hide among kept volumes.
class World {
 public:
  explicit World(const Where& where);
  /// Its home and its pool are below these two.
  World(const Where& where, const std::filesystem::path& homes, const std::filesystem::path& pools);

  Velo& velo() { return velo_; }

  /// The names of the fault points that `line` passes with these faults (VELO_FAULT's form), each
  /// once, in order. Carries it out.
  std::vector<std::string> points_of(const std::vector<std::string>& line,
                                     const std::string& faults = "");
  Ran run_with_fault(const std::vector<std::string>& line, const std::string& faults);
  /// What a person types next: some command that changes something elsewhere.
  void next_command();

  /// No volume, server, reservation, run directory, log, certificate or archive that nothing refers
  /// to, no unfinished operation; every running branch has its server; main has all of its rows;
  /// and doctor has nothing to say. What of that did not hold is counted as well.
  Harm expect_whole();

  bool has_branch(const std::string& name);
  /// Whether something of it is kept after a delete: "demo/dev".
  bool keeps(const std::string& branch);
  bool has_project(const std::string& name);
  /// "demo/dev@kept"
  bool has_snapshot(const std::string& name);
  /// Ends the branch's present segment of WAL, and waits until it is archived.
  void archive_wal(const std::string& branch);

  /// demo/dev with x = 2 and demo/child below it, where there is none.
  void make_family();
  /// As it was at first: nothing is kept, demo/dev is as it was made, nothing has a schedule.
  void renew();

  /// What a case remembers.
  std::map<std::string, std::string> notes;

 private:
  // What is wrong, each in words.
  std::vector<std::string> wrong_volumes(const Json& status);
  std::vector<std::string> wrong_servers();
  std::vector<std::string> wrong_files();
  std::vector<std::string> lost_rows();
  /// The first column of a question to the catalog.
  std::vector<std::string> column(const std::string& sql);

  void make();

  Velo velo_;
};

}  // namespace velo::test

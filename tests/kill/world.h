// A small world for the kill tests, and what must hold in it whatever was killed.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "support/velo.h"

namespace velo::test {

/// demo/main with a thousand rows and x = 1, demo/dev with x = 2, and demo/child (x = 3) below it.
/// Nothing is kept after a delete or a reset, so that an orphan cannot hide among kept volumes.
class World {
 public:
  explicit World(const Where& where);

  Velo& velo() { return velo_; }

  /// The names of the fault points that `line` passes with these faults (VELO_FAULT's form), each
  /// once, in order. Carries it out.
  std::vector<std::string> points_of(const std::vector<std::string>& line,
                                     const std::string& faults = "");
  Ran run_with_fault(const std::vector<std::string>& line, const std::string& faults);
  /// What a person types next: some command that changes something elsewhere.
  void next_command();

  /// No volume, server, reservation, run directory, log, certificate or archive that nothing refers
  /// to, no unfinished operation; every running branch has its server; main has all of its rows.
  void expect_whole();

  bool has_branch(const std::string& name);
  /// Whether something of it is kept after a delete: "demo/dev".
  bool keeps(const std::string& branch);
  bool has_project(const std::string& name);

 private:
  void expect_volumes(const Json& status);
  void expect_servers(const Json& status);
  void expect_files();
  /// The first column of a question to the catalog.
  std::vector<std::string> column(const std::string& sql);
  void expect_empty_table(const std::string& sql);

  Velo velo_;
};

}  // namespace velo::test

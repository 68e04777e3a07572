// Verified defects of the earlier Velo, by their number in its list: each test would have caught
// one. They run on every driver and on every runtime.
#pragma once

#include <string>

#include "base/time.h"
#include "support/velo.h"

namespace velo::test {

class Defect : public PlacesTest {
 protected:
  bool in_containers() const { return velo->where().runtime == "docker"; }

  /// A project with a table of one row.
  void make_project(const std::string& name = "demo") const {
    velo->create_project(name);
    velo->sql(name + "/main").execute("CREATE TABLE t AS SELECT 1 AS i");
  }
  void add(const std::string& branch, int number) const {
    velo->sql(branch).execute("INSERT INTO t VALUES (" + std::to_string(number) + ")");
  }
  std::string rows(const std::string& branch) const {
    return velo->value(branch, "SELECT string_agg(i::text, ',' ORDER BY i) FROM t");
  }

  /// Until the clock shows so much more: the clock itself is the condition.
  static void let_pass(std::chrono::milliseconds time) {
    const Timestamp end = now() + time;
    EXPECT_TRUE(wait_until([&] { return now() >= end; }));
  }
  /// A moment between two commits, with some of the clock on both of its sides.
  static Timestamp moment_between() {
    constexpr std::chrono::milliseconds margin{2};
    let_pass(margin);
    const Timestamp moment = now();
    let_pass(margin);
    return moment;
  }

  /// The container of a branch, by the volume that it serves.
  std::string container_of(const std::string& branch) const {
    const std::string volume = velo->data_directory(branch).parent_path();
    std::string name = run_docker(
        {"ps", "--all", "--filter", "label=velo.volume=" + volume, "--format", "{{.ID}}"});
    return name.substr(0, name.find('\n'));
  }
  /// Ends a server without Velo's knowledge: kill -9, or `docker stop`, after which Docker does not
  /// start it again either.
  void end_behind_velos_back(const std::string& branch) const {
    if (in_containers()) {
      run_docker({"stop", container_of(branch)});
    } else {
      velo->kill_server(branch);
    }
  }
};

}  // namespace velo::test

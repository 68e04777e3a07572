// The parts of the checker: a section, or a part of one, in each source. Beside check.h, which is
// for everybody.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalog/records.h"
#include "engine/check.h"
#include "engine/listeners.h"
#include "engine/records.h"
#include "storage/driver.h"

namespace velo::engine {

/// Collects a section's findings.
class Findings {
 public:
  void add(Level level, std::string code, std::string_view subject, std::string_view text,
           std::string_view hint = {}, Repair repair = {});
  void ok(std::string code, std::string_view subject, std::string_view text) {
    add(Level::ok, std::move(code), subject, text);
  }
  /// An error's own words.
  void failed(Level level, std::string code, std::string_view subject, const Error& error,
              Repair repair = {});
  std::vector<Finding> take() { return std::move(findings_); }

 private:
  std::vector<Finding> findings_;
};

/// What one runtime answers, asked once.
struct RuntimeAnswer {
  std::unique_ptr<runtime::Runtime> runtime;
  Result<std::string> serves;                ///< as Runtime::check
  Result<std::vector<runtime::Held>> holds;  ///< as Runtime::list
};

/// A life of a branch whose volume should be there: the present one, or one that is kept.
struct Life {
  BranchRecords b;  ///< with this life as its incarnation
  bool kept = false;
  std::filesystem::path root;
  std::filesystem::path pgdata;
  /// An error: it cannot be told whether its volume is there, and nothing in it is looked at.
  Result<storage::Presence> presence = storage::Presence::gone;
  Result<runtime::Seen> seen = runtime::Seen{};

  bool has_files() const { return presence && *presence == storage::Presence::attached; }
};

/// All that the catalog says and the machine answers to it, gathered once for all parts.
struct Known {
  Engine* engine = nullptr;
  std::vector<catalog::Project> projects;  ///< deleted ones too
  std::vector<Life> lives;                 ///< by project and branch, the present ones first
  std::vector<catalog::Operation> unfinished;
  std::set<std::string> branch_ids;        ///< of the catalog and of unfinished operations
  std::set<std::string> project_ids;       ///< of the catalog
  std::set<std::string> reserved_volumes;  ///< keys of reservations (volume_key)
  std::set<std::string> incarnation_ids;
  std::map<std::string, RuntimeAnswer> runtimes;  ///< by name, all there are
  std::vector<Listener> listeners;
};
/// The runtimes' answers alone, where there is no catalog to read.
std::map<std::string, RuntimeAnswer> ask_runtimes(const Cancellation& cancel);
Result<Known> gather(Engine& engine, const Cancellation& cancel);
/// A place of projects, with its driver.
struct Place {
  std::string driver;
  std::string pool;
  std::unique_ptr<storage::Driver> open;
};
/// The places of all projects, each once.
std::vector<Place> places_of(const Known& known);

void check_system(Findings& findings, const std::string& version, std::size_t branches);
/// `known` is null where the catalog cannot be read.
void check_storage(Findings& findings, const Known* known, const Home& home);
void check_runtimes(Findings& findings, const std::map<std::string, RuntimeAnswer>& runtimes,
                    const Known* known);
void check_versions(Findings& findings, const CheckRequest& request, const Known* known,
                    const Cancellation& cancel);
/// Whether the home is there and this user's, so that the rest can be looked at.
bool check_home(Findings& findings, const Home& home);
void check_groups(Findings& findings, const std::map<std::string, RuntimeAnswer>& runtimes);
/// Whether the catalog can be read.
bool check_catalog(Findings& findings, const Home& home);
void check_state(Findings& findings, const Known& known);
void check_certificates(Findings& findings, const Known& known);
/// What exists without a record.
void check_orphans(Findings& findings, const Known& known);
void check_branches(Findings& findings, const Known& known, const Cancellation& cancel);
/// What is archived of each branch, and whether it goes on.
void check_archives(Findings& findings, const Known& known);
/// Whether pools of branches are filled, and whether a dead run left its branch.
void check_temporaries(Findings& findings, const Known& known);
/// Whether anybody carries the schedules out.
void check_schedules(Findings& findings, const Known& known);

}  // namespace velo::engine

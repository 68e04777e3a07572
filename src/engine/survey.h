// Everything that the catalog knows, loaded once, as views: what listings and status are made of.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "catalog/records.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/views.h"

namespace velo::engine {

/// A few queries, one look at what each runtime runs and, for each branch looked at, a few system
/// calls; no process (but where ZFS's library is missing, for volumes that are not mounted).
class Survey {
 public:
  static Result<Survey> take(Engine& engine);
  /// Of one branch, with its ancestors: what branch() and comes_back_with() need, however many
  /// others there are.
  static Result<Survey> take_of(Engine& engine, const std::string& branch_id);

  /// Live projects by creation, their branches main first.
  Result<std::vector<ProjectView>> projects() const;
  Result<ProjectView> project(const std::string& id) const;
  Result<BranchView> branch(const std::string& id) const;
  std::vector<KeptView> kept() const;
  /// The deleted branch with which this one comes back: its highest deleted ancestor, or itself.
  const catalog::Branch& comes_back_with(const catalog::Branch& branch) const;

  /// By incarnation.
  using SizesKnown = std::unordered_map<std::string, catalog::Size>;

  const std::vector<catalog::Project>& project_records() const { return projects_; }
  const std::vector<catalog::Branch>& branch_records() const { return branches_; }
  const SizesKnown& sizes() const { return sizes_; }
  /// What was measured since it was taken.
  void learn(const catalog::Size& size) { sizes_.insert_or_assign(size.incarnation_id, size); }
  const catalog::Incarnation* incarnation(const std::string& id) const;

 private:
  Survey(Engine& engine, bool archiving) : engine_(&engine), archiving_(archiving) {}
  void add(catalog::Branch branch);
  void add(catalog::Incarnation life);
  const catalog::Branch* find_branch(const std::string& id) const;
  /// By branch: what runs on its cluster, or why that cannot be told.
  using Servers = std::unordered_map<std::string, Result<runtime::Seen>>;
  Result<Servers> look_at(const std::vector<const catalog::Project*>& projects) const;
  Result<ProjectView> view_of(const catalog::Project& project, const Servers& servers) const;
  Result<BranchView> view_of(const catalog::Project& project, const storage::Driver& driver,
                             const catalog::Branch& branch,
                             const Result<runtime::Seen>& seen) const;
  std::vector<KeptView> kept_of(const catalog::Project& project,
                                const catalog::Branch& branch) const;

  Engine* engine_;
  bool archiving_;                                             ///< `velo config get archive`
  std::vector<catalog::Project> projects_;                     ///< deleted ones too
  std::vector<catalog::Branch> branches_;                      ///< deleted ones too
  std::unordered_map<std::string, std::size_t> branch_by_id_;  ///< in branches_
  std::unordered_map<std::string, catalog::Incarnation> incarnations_;
  std::unordered_map<std::string, std::vector<std::string>>
      kept_by_branch_;  ///< ids of incarnations
  std::unordered_map<std::string, catalog::Endpoint> endpoints_;
  SizesKnown sizes_;
  std::unordered_map<std::string, catalog::Temporary> temporaries_;
};

/// Takes the spares of pools out, which are nobody's yet.
void leave_out_spares(std::vector<BranchView>& branches);

/// One branch, looked at now.
Result<BranchView> view_branch(Engine& engine, const std::string& branch_id);

}  // namespace velo::engine

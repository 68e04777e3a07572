// Everything that the catalog knows, loaded once, as views: what listings and status are made of.
#pragma once

#include <map>
#include <memory>
#include <string>
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

  /// Live projects by creation, their branches main first.
  Result<std::vector<ProjectView>> projects() const;
  Result<ProjectView> project(const std::string& id) const;
  Result<BranchView> branch(const std::string& id) const;
  std::vector<KeptView> kept() const;
  /// The deleted branch with which this one comes back: its highest deleted ancestor, or itself.
  const catalog::Branch& comes_back_with(const catalog::Branch& branch) const;

  const std::vector<catalog::Project>& project_records() const { return projects_; }
  const std::vector<catalog::Branch>& branch_records() const { return branches_; }
  const std::map<std::string, catalog::Size>& sizes() const { return sizes_; }
  const catalog::Incarnation* incarnation(const std::string& id) const;

 private:
  explicit Survey(Engine& engine) : engine_(&engine) {}
  /// By branch: what runs on its cluster, or why that cannot be told.
  using Servers = std::map<std::string, Result<runtime::Seen>>;
  Result<Servers> look_at(const std::vector<const catalog::Project*>& projects) const;
  Result<ProjectView> view_of(const catalog::Project& project, const Servers& servers) const;
  Result<BranchView> view_of(const catalog::Project& project, const catalog::Branch& branch,
                             const Result<runtime::Seen>& seen) const;
  std::vector<KeptView> kept_of(const catalog::Project& project,
                                const catalog::Branch& branch) const;

  Engine* engine_;
  std::vector<catalog::Project> projects_;  ///< deleted ones too
  std::vector<catalog::Branch> branches_;   ///< deleted ones too
  std::map<std::string, catalog::Incarnation> incarnations_;
  std::map<std::string, catalog::Endpoint> endpoints_;
  std::map<std::string, catalog::Size> sizes_;
};

/// One branch, looked at now.
Result<BranchView> view_branch(Engine& engine, const std::string& branch_id);

}  // namespace velo::engine

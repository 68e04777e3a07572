// Deleting and bringing back whole sets of branches, as branches and as projects do it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "catalog/catalog.h"
#include "engine/engine.h"
#include "engine/names.h"
#include "engine/projects.h"
#include "engine/records.h"

namespace velo::engine {

/// What is to be deleted: children before parents.
struct Doomed {
  std::vector<BranchRecords> branches;
  std::optional<catalog::Project> project;  ///< when it is to go with them
  std::chrono::seconds grace{};             ///< how long they are kept; zero: not at all
};

/// How long what is deleted now is kept.
Result<std::chrono::seconds> grace_of(Engine& engine, const DeleteRequest& request);

/// A branch and its descendants, children before parents: those that live, or also those that are
/// deleted and kept (of which only the branch's own records are sure to be there).
Result<std::vector<BranchRecords>> family_of(Engine& engine, const BranchRecords& root,
                                             catalog::Which which);
/// What there is of a branch that may be deleted: some of its lives may be reaped already.
Result<BranchRecords> load_remains(Engine& engine, const catalog::Branch& branch);

/// What was deleted last under that name and is still kept.
Result<std::optional<catalog::Branch>> last_deleted(Engine& engine, const BranchName& name);
Result<std::optional<catalog::Project>> last_deleted_project(Engine& engine,
                                                             const std::string& name);

/// Why that cannot be deleted once more: with the ways on. `noun`: "branch" or "project".
std::unexpected<Error> deleted_already(std::string_view noun, const std::string& name);

/// Deletes them in one operation named `kind` on `subject`. Their locks are held by the caller.
/// Errc::storage where nothing is kept and the pool is away.
Result<Deletion> bury(Engine& engine, const std::string& kind, const std::string& subject,
                      const Doomed& doomed);
/// The same for what `find` finds, with the locks of its branches held; `words` begin it ("Deleting
/// demo/dev").
Result<Deletion> find_and_bury(Engine& engine, const std::string& kind, const std::string& subject,
                               const std::string& words,
                               const std::function<Result<Doomed>()>& find);

/// Brings these deleted branches back (parents first), with their project when it is deleted too. A
/// port that is taken by now is replaced, with a notice. Those that should run are started.
/// Errc::storage where one of their volumes is not there: none of them comes back then.
Result<void> unbury(Engine& engine, const std::string& kind, const std::string& subject,
                    std::vector<BranchRecords> branches,
                    const std::optional<catalog::Project>& project);

Deletion describe(const Doomed& doomed);

}  // namespace velo::engine

#include "engine/snapshots.h"

#include <algorithm>

#include "base/fault.h"
#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/operation.h"
#include "engine/sizes.h"

namespace velo::engine {
namespace {

constexpr std::size_t short_id_size = 8;
constexpr std::size_t id_size = 16;

/// Live branches' snapshots with what is shown of them.
struct Listed {
  catalog::Snapshot record;
  catalog::Incarnation life;
  catalog::Branch branch;
  catalog::Project project;

  std::string branch_name() const { return project.name + "/" + branch.name; }
};

/// None where another command has just taken it away.
template <class Record>
Result<std::optional<Record>> if_there(Result<Record> record) {
  if (record) return std::move(*record);
  if (record.error().code == Errc::not_found) return std::nullopt;
  return std::unexpected(std::move(record).error());
}

Result<std::vector<Listed>> all_snapshots(Engine& engine) {
  catalog::Catalog& catalog = engine.catalog();
  std::map<std::string, catalog::Project> projects;
  for (auto& project : TRY(catalog.projects(catalog::Which::live))) {
    projects.emplace(project.id, project);
  }
  // One by one: there may be ten thousand branches, and no snapshot.
  std::map<std::string, catalog::Branch> branches;
  std::vector<Listed> listed;
  for (const catalog::Snapshot& record : TRY(catalog.snapshots())) {
    const auto life = TRY(if_there(catalog.incarnation(record.incarnation_id)));
    if (!life) continue;
    auto branch = branches.find(life->branch_id);
    if (branch == branches.end()) {
      const auto found = TRY(if_there(catalog.branch(life->branch_id)));
      if (!found) continue;
      branch = branches.emplace(life->branch_id, *found).first;
    }
    const auto project = projects.find(branch->second.project_id);
    if (branch->second.deleted_at || project == projects.end()) continue;
    listed.push_back({record, *life, branch->second, project->second});
  }
  return listed;
}

/// The shortest beginning of an id, from eight digits on, that no other has.
std::string short_id(const std::string& id, const std::vector<Listed>& all) {
  for (std::size_t size = short_id_size; size < id.size(); ++size) {
    const std::string beginning = id.substr(0, size);
    if (std::ranges::count_if(all, [&](const Listed& other) {
          return other.record.incarnation_id.starts_with(beginning);
        }) <= 1) {
      return beginning;
    }
  }
  return id;
}

SnapshotView view_of(const Listed& listed, const std::vector<Listed>& all,
                     const std::vector<catalog::Size>& sizes) {
  SnapshotView view{.id = listed.record.incarnation_id,
                    .short_id = short_id(listed.record.incarnation_id, all),
                    .branch = listed.branch_name(),
                    .label = listed.record.label,
                    .purpose = listed.record.purpose,
                    .taken_at = listed.record.taken_at,
                    .volume = listed.life.volume,
                    .pg_version = listed.life.pg_version,
                    .sizes = {}};
  const auto size = std::ranges::find(sizes, view.id, &catalog::Size::incarnation_id);
  if (size != sizes.end()) {
    view.sizes = Sizes{.referenced = size->referenced,
                       .exclusive = size->exclusive,
                       .measured_at = size->measured_at};
  }
  return view;
}

/// Why a text names no snapshot, with the nearest label there is.
std::unexpected<Error> no_such(const std::string& name, const std::vector<Listed>& all) {
  std::vector<std::string> labelled;
  for (const Listed& one : all) {
    if (!one.record.label.empty()) labelled.push_back(one.branch_name() + "@" + one.record.label);
  }
  const std::string near = nearest(name, labelled);
  return fail_with_hint(
      Errc::not_found, fmt::format("there is no snapshot {}", name),
      near.empty() ? "velo snapshot list shows them" : fmt::format("did you mean {}?", near));
}

Result<Listed> find_in(const std::vector<Listed>& all, const std::string& name,
                       const std::string& branch) {
  const std::size_t at = name.find('@');
  const std::string of = at == std::string::npos ? branch : name.substr(0, at);
  const std::string label = at == std::string::npos ? name : name.substr(at + 1);
  for (const Listed& one : all) {
    if (!of.empty() && one.branch_name() == of && !label.empty() && one.record.label == label) {
      return one;
    }
  }
  const bool may_be_id = !name.empty() && name.size() <= id_size &&
                         name.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!may_be_id) return no_such(name, all);
  std::vector<Listed> found;
  std::ranges::copy_if(all, std::back_inserter(found), [&](const Listed& one) {
    return one.record.incarnation_id.starts_with(name);
  });
  if (found.empty()) return no_such(name, all);
  if (found.size() == 1) return found.front();
  std::vector<std::string> ids;
  for (const Listed& one : found) {
    ids.push_back(
        fmt::format("{} of {}", short_id(one.record.incarnation_id, all), one.branch_name()));
  }
  return fail_with_hint(Errc::usage,
                        fmt::format("several snapshots begin with {}: {}", name, join_words(ids)),
                        "write more of its id");
}

Result<void> remove_one(Engine& engine, const Listed& listed) {
  return remove_snapshot(engine, {.source = {.project = listed.project,
                                             .branch = listed.branch,
                                             .incarnation = listed.life,
                                             .endpoint = {}},
                                  .snapshot = listed.record});
}

Result<BranchLocks> lock_branch_of(Engine& engine, const std::string& branch_id) {
  return lock_branches(
      engine, [&]() -> Result<LockSet> { return LockSet{.exclusive = {branch_id}, .shared = {}}; });
}

std::string days_ago(Timestamp then) {
  const auto days = std::chrono::duration_cast<std::chrono::days>(now() - then).count();
  return fmt::format("taken {} day{} ago", days, days == 1 ? "" : "s");
}

}  // namespace

Result<std::vector<SnapshotView>> list_snapshots(Engine& engine, const std::string& branch) {
  std::string wanted;
  if (!branch.empty()) wanted = TRY(find_branch(engine, branch)).branch.id;
  const std::vector<Listed> all = TRY(all_snapshots(engine));
  const auto sizes = TRY(engine.catalog().sizes());
  std::vector<SnapshotView> views;
  for (const Listed& one : all) {
    if (wanted.empty() || one.branch.id == wanted) views.push_back(view_of(one, all, sizes));
  }
  return views;
}

Result<SnapshotView> get_snapshot(Engine& engine, const std::string& name) {
  const std::vector<Listed> all = TRY(all_snapshots(engine));
  const Listed found = TRY(find_in(all, name, ""));
  TRY(measure_life(engine, found.project, found.life));
  return view_of(found, all, TRY(engine.catalog().sizes()));
}

Result<SnapshotView> delete_snapshot(Engine& engine, const std::string& name) {
  const std::string branch_id = TRY(find_in(TRY(all_snapshots(engine)), name, "")).branch.id;
  const BranchLocks locks = TRY(lock_branch_of(engine, branch_id));
  const std::vector<Listed> all = TRY(all_snapshots(engine));
  const Listed found = TRY(find_in(all, name, ""));
  SnapshotView view = view_of(found, all, TRY(engine.catalog().sizes()));
  TRY(remove_one(engine, found));
  return view;
}

Result<std::vector<Cleaned>> cleanup_snapshots(Engine& engine, const CleanupRequest& request) {
  std::string wanted;
  if (!request.branch.empty()) wanted = TRY(find_branch(engine, request.branch)).branch.id;
  const std::vector<Listed> all = TRY(all_snapshots(engine));
  const auto sizes = TRY(engine.catalog().sizes());
  const Timestamp limit = now() - std::chrono::days(request.days);
  std::map<std::string, int> left;  // of each branch
  for (const Listed& one : all) ++left[one.branch.id];
  std::vector<Cleaned> cleaned;
  for (const Listed& one : all) {  // the oldest first: what stays are the newest
    if (!wanted.empty() && one.branch.id != wanted) continue;
    Cleaned result{.snapshot = view_of(one, all, sizes), .removed = false, .why = {}};
    if (one.record.taken_at > limit) {
      result.why = days_ago(one.record.taken_at);
    } else if (left[one.branch.id] <= request.keep_last) {
      result.why = fmt::format("one of the last {} of {}", request.keep_last, one.branch_name());
    } else {
      result.removed = true;
      result.why = days_ago(one.record.taken_at);
      --left[one.branch.id];
      if (!request.dry_run) {
        const BranchLocks locks = TRY(lock_branch_of(engine, one.branch.id));
        TRY(remove_one(engine, one));
        TRY(fault_point(Fault::cleanup_removed));
      }
    }
    cleaned.push_back(std::move(result));
  }
  return cleaned;
}

Result<SnapshotRecords> find_snapshot(Engine& engine, const std::string& name,
                                      const std::string& branch) {
  const Listed found = TRY(find_in(TRY(all_snapshots(engine)), name, branch));
  SnapshotRecords records{.source = TRY(load_branch(engine, found.branch.id)),
                          .snapshot = found.record};
  records.source.incarnation = found.life;
  return records;
}

Result<void> remove_snapshot(Engine& engine, const SnapshotRecords& snapshot) {
  const catalog::Project& project = snapshot.source.project;
  const catalog::Incarnation& life = snapshot.source.incarnation;
  const std::string& label = snapshot.snapshot.label;
  TRY(check_pool_of(project));
  const std::string subject = fmt::format("{}@{}", snapshot.source.full_name(),
                                          label.empty() ? life.id.substr(0, short_id_size) : label);
  auto operation = TRY(Operation::begin(engine, "snapshot.delete", subject, [&]() -> Result<Draft> {
    return Draft{.plan = {.branches = {snapshot.source.branch.id},
                          .undo = {},
                          .finish = {remove_volume(project.runtime, project.driver, project.pool,
                                                   life.volume, life.id)}},
                 .reservations = {}};
  }));
  return or_undo(operation, [&] {
    return operation.commit([&] { return engine.catalog().remove_incarnation(life.id); });
  });
}

void fork_from(const catalog::Snapshot& snapshot, catalog::Incarnation& life) {
  life.parent_incarnation_id = snapshot.of_incarnation_id;
  life.forked_at = snapshot.taken_at;
}

}  // namespace velo::engine

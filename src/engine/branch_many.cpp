// Several branches of one moment, made side by side.
#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "base/text.h"
#include "catalog/catalog.h"
#include "engine/branches.h"
#include "engine/kept.h"
#include "engine/operation.h"
#include "engine/records.h"
#include "engine/snapshots.h"

namespace velo::engine {
namespace {

/// What one branch's making tells, kept until the thread that was asked tells it.
class Notes final : public Observer {
 public:
  void begin(std::string_view) override {}
  void step_started(std::string_view) override {}
  void step_finished(std::string_view, Seconds) override {}
  void notice(std::string_view text) override { notices_.emplace_back(text); }
  void warning(std::string_view text) override { warnings_.emplace_back(text); }

  /// Each once, however many branches said the same.
  void tell(Observer& observer, std::vector<std::string>& told) const {
    const auto is_new = [&](const std::string& text) {
      if (std::ranges::find(told, text) != told.end()) return false;
      told.push_back(text);
      return true;
    };
    for (const std::string& text : notices_) {
      if (is_new(text)) observer.notice(text);
    }
    for (const std::string& text : warnings_) {
      if (is_new(text)) observer.warning(text);
    }
  }

 private:
  std::vector<std::string> notices_;
  std::vector<std::string> warnings_;
};

/// Four for each core: most of a create is waiting, for a disk and for PostgreSQL.
std::size_t side_by_side(std::size_t wanted) {
  constexpr std::size_t of_a_core = 4;
  const std::size_t cores = std::max(1U, std::thread::hardware_concurrency());
  return std::min(wanted, of_a_core * cores);
}

std::string names_of(const std::vector<CreateBranch>& requests) {
  std::vector<std::string> names;
  for (const CreateBranch& request : requests) names.push_back(request.name);
  if (names.size() <= 3) return join_words(names);
  return fmt::format("{} … {}", names.front(), names.back());
}

Result<CreatedBranch> create_one(const Engine& engine, const CreateBranch& request, Notes& notes) {
  Engine own = TRY(engine.again(notes));
  return create_branch(own, request);
}

/// In their order.
std::vector<Result<CreatedBranch>> create_all(Engine& engine,
                                              const std::vector<CreateBranch>& requests) {
  const Result<CreatedBranch> not_begun = fail(Errc::interrupted, "interrupted");
  std::vector<Result<CreatedBranch>> made(requests.size(), not_begun);
  std::vector<Notes> notes(requests.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<std::size_t> done = 0;
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = side_by_side(requests.size()); i > 0; --i) {
      workers.emplace_back([&] {
        for (;;) {
          const std::size_t mine = next++;
          if (mine >= requests.size() || engine.cancel().requested()) return;
          made[mine] = create_one(engine, requests[mine], notes[mine]);
          engine.observer().step_progress(fmt::format("{} of {}", ++done, requests.size()));
        }
      });
    }
  }
  std::vector<std::string> told;
  for (const Notes& one : notes) one.tell(engine.observer(), told);
  return made;
}

/// Where they are to be of a parent as it is now: a snapshot of it, which is there for as long as
/// `hold` is.
struct Moment {
  std::optional<BranchLocks> hold;
  std::string snapshot_id;
};

Result<Moment> keep_moment(Engine& engine, const CreateBranch& like) {
  const std::string project = like.name.substr(0, like.name.find('/'));
  const std::string parent =
      like.parent.empty()
          ? TRY(load_branch(engine, TRY(find_project(engine, project)).main_branch_id)).full_name()
          : like.parent;
  const std::string id = TRY(find_branch(engine, parent)).branch.id;
  Moment moment;
  moment.hold = TRY(lock_branches(
      engine, [&]() -> Result<LockSet> { return LockSet{.exclusive = {}, .shared = {id}}; }));
  moment.snapshot_id = TRY(create_snapshot(engine, parent, "", std::string(passing_purpose))).id;
  return moment;
}

}  // namespace

Result<std::vector<Result<CreatedBranch>>> create_branches(Engine& engine,
                                                           std::vector<CreateBranch> requests) {
  if (requests.empty()) return std::vector<Result<CreatedBranch>>{};
  const CreateBranch& like = requests.front();
  engine.observer().begin(fmt::format("Creating {}", names_of(requests)));
  Moment moment;
  const bool passes = requests.size() > 1 && like.snapshot.empty() && !like.as_of;
  if (passes) {
    moment = TRY(keep_moment(engine, like));
    for (CreateBranch& request : requests) {
      request.snapshot = moment.snapshot_id;
      request.parent.clear();
    }
  }
  const std::string words = fmt::format("{} branches", requests.size());
  engine.observer().step_started(words);
  const Stopwatch watch;
  auto made = create_all(engine, requests);
  engine.observer().step_finished(words, watch.elapsed());
  moment.hold.reset();
  if (passes) TRY(reap(engine));
  return made;
}

}  // namespace velo::engine

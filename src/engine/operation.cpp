#include "engine/operation.h"

#include <unistd.h>

#include <algorithm>
#include <array>

#include "base/fault.h"
#include "base/files.h"
#include "base/time.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine/home_room.h"

namespace velo::engine {
namespace {

fs::path lock_path(const Engine& engine, std::int64_t id) {
  return engine.home().lock_file(fmt::format("operation-{}", id));
}

/// Or makes what is there to be started. What takes away is possible on a full disk too, and so is
/// what brings back: whose server then does not start is told of.
bool starts_servers(std::string_view kind) {
  return std::ranges::any_of(std::array{".create", ".reset", ".restore", ".start", ".restart"},
                             [&](const char* end) { return kind.ends_with(end); });
}

}  // namespace

std::string kind_in_words(const std::string& kind) {
  std::string words = kind;
  std::ranges::replace(words, '.', ' ');
  return words;
}

Operation::Operation(Engine& engine, catalog::Operation record, Plan plan, FileLock lock)
    : engine_(&engine),
      record_(std::move(record)),
      plan_(std::move(plan)),
      lock_(std::move(lock)) {}

Operation::Operation(Operation&& other) noexcept
    : engine_(other.engine_),
      record_(std::move(other.record_)),
      plan_(std::move(other.plan_)),
      lock_(std::move(other.lock_)),
      open_(std::exchange(other.open_, false)) {}

// What could throw here is running out of memory, after which nothing is promised.
// NOLINTNEXTLINE(bugprone-exception-escape)
Operation::~Operation() {
  if (open_) (void)undo(Error{Errc::failed, "it was abandoned", {}, {}});
}

Result<Operation> Operation::begin(Engine& engine, std::string kind, std::string subject,
                                   const std::function<Result<Draft>()>& draft) {
  if (starts_servers(kind)) TRY(check_room_at(engine.home().root()));
  catalog::Operation record;
  record.kind = std::move(kind);
  record.subject = std::move(subject);
  record.command = engine.command();
  record.pid = ::getpid();
  record.state = "running";
  record.started_at = now();
  Plan plan;
  std::optional<FileLock> lock;
  TRY(engine.catalog().change([&]() -> Result<void> {
    Draft made = TRY(draft());
    plan = std::move(made.plan);
    record.plan = to_json(plan);
    record.id = TRY(engine.catalog().insert(record, made.reservations));
    // Locked before anybody can see the row: an operation without a lock holder is a dead one.
    lock = TRY(FileLock::try_acquire(lock_path(engine, record.id), LockMode::exclusive));
    if (!lock) return fail(Errc::in_use, "the lock of a new operation is held");
    return {};
  }));
  Operation operation(engine, std::move(record), std::move(plan), std::move(*lock));
  if (auto point = fault_point(operation.record_.kind, Boundary::planned); !point) {
    return operation.undo(std::move(point).error());
  }
  return operation;
}

Result<void> Operation::step(std::string_view name, std::string_view words,
                             const std::function<Result<void>()>& work) {
  TRY(engine_->cancel().check());
  engine_->observer().step_started(words);
  const Stopwatch watch;
  TRY(fault_point(record_.kind, Boundary::step, name));
  TRY(work());
  TRY(fault_point(record_.kind, Boundary::step_done, name));
  engine_->observer().step_finished(words, watch.elapsed());
  return {};
}

Result<void> Operation::replan(const std::function<Result<Draft>()>& draft) {
  catalog::Catalog& catalog = engine_->catalog();
  return catalog.change([&]() -> Result<void> {
    TRY(catalog.release_reservations(record_.id));
    Draft made = TRY(draft());
    plan_ = std::move(made.plan);
    record_.plan = to_json(plan_);
    TRY(catalog.update(record_));
    return catalog.reserve(record_.id, made.reservations);
  });
}

Result<void> Operation::commit(const std::function<Result<void>()>& changes) {
  TRY(engine_->cancel().check());
  TRY(fault_point(record_.kind, Boundary::commit));
  catalog::Catalog& catalog = engine_->catalog();
  catalog::Operation committed = record_;
  committed.state = plan_.finish.empty() ? "done" : "committed";
  if (plan_.finish.empty()) committed.ended_at = now();
  TRY(catalog.change([&]() -> Result<void> {
    TRY(changes());
    TRY(catalog.release_reservations(record_.id));
    return catalog.update(committed);
  }));
  record_ = std::move(committed);
  open_ = false;
  if (auto finished = carry_out_finish(); !finished) {
    engine_->observer().warning(
        fmt::format("{} of {} is done, but not all of its tidying up: {}; the "
                    "next command tries again",
                    kind_in_words(record_.kind), record_.subject, finished.error().message));
    return {};
  }
  // The lock file goes last: without it a committed operation would look unfinished to nobody.
  (void)remove_file(lock_path(*engine_, record_.id));
  lock_.reset();
  return {};
}

Result<void> Operation::carry_out_finish() {
  TRY(fault_point(record_.kind, Boundary::committed));
  for (const Action& action : plan_.finish) {
    const std::string words = words_of(action);
    const Stopwatch watch;
    if (!words.empty()) engine_->observer().step_started(words);
    TRY(carry_out(*engine_, action));
    TRY(fault_point(record_.kind, Boundary::finish, action.name));
    if (!words.empty()) engine_->observer().step_finished(words, watch.elapsed());
  }
  if (record_.state == "done") return {};
  record_.state = "done";
  record_.ended_at = now();
  // What is finished and lost by a power failure is finished again by the next command.
  return engine_->catalog().update_without_waiting(record_);
}

std::unexpected<Error> Operation::undo(Error why) {
  open_ = false;
  const auto carry_out_undo = [&]() -> Result<void> {
    for (auto action = plan_.undo.rbegin(); action != plan_.undo.rend(); ++action) {
      TRY(carry_out(*engine_, *action));
      TRY(fault_point(record_.kind, Boundary::undo, action->name));
    }
    record_.state = "undone";
    record_.ended_at = now();
    record_.error = why.message;
    catalog::Catalog& catalog = engine_->catalog();
    return catalog.change([&]() -> Result<void> {
      TRY(catalog.release_reservations(record_.id));
      return catalog.update(record_);
    });
  };
  if (auto undone = carry_out_undo(); !undone) {
    engine_->observer().warning(
        fmt::format("what was begun could not be undone yet: {}; the next command tries again",
                    undone.error().message));
  } else {
    (void)remove_file(lock_path(*engine_, record_.id));
  }
  lock_.reset();
  return std::unexpected(std::move(why));
}

}  // namespace velo::engine

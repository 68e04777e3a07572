#include "engine/caretaker.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include <array>
#include <set>

#include "base/fault.h"
#include "base/files.h"
#include "base/lock.h"
#include "base/process.h"
#include "catalog/catalog.h"
#include "engine/branch_pool.h"
#include "engine/operation.h"
#include "engine/temporary.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

fs::path lock_path(const Engine& engine) {
  return engine.home().lock_file("caretaker");
}

/// Wakes a caretaker, which watches its lock's file.
Result<void> call(const Engine& engine) {
  if (::utimensat(AT_FDCWD, lock_path(engine).c_str(), nullptr, 0) == 0 || errno == ENOENT) {
    return {};
  }
  return fail_errno(errno, "call the caretaker");
}

/// Calls that came since the last look.
class Calls {
 public:
  static Result<Calls> listen(const fs::path& path) {
    Fd fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!fd) return fail_errno(errno, "make an inotify descriptor");
    if (::inotify_add_watch(fd.get(), path.c_str(), IN_ATTRIB | IN_DELETE_SELF) < 0) {
      return fail_errno(errno, "watch " + path.string());
    }
    return Calls(std::move(fd));
  }
  int descriptor() const { return fd_.get(); }
  /// Whether there were any; forgets them.
  bool take() const {
    std::array<char, 4096> buffer{};
    bool any = false;
    while (::read(fd_.get(), buffer.data(), buffer.size()) > 0) any = true;
    return any;
  }

 private:
  explicit Calls(Fd fd) : fd_(std::move(fd)) {}
  Fd fd_;
};

/// What a caretaker has in mind between two looks.
struct Care {
  std::vector<Process> runners;    ///< whose branches are in use
  std::set<std::string> tried;     ///< branches of dead runs that were there after a look
  std::set<std::string> hopeless;  ///< what could not be done, and is tried again when called
};

/// The runners whose commands go on. One that dies later is noticed: its pid is watched before its
/// lock is looked at. Returns whether a runner died just now, so that it is time to look again.
Result<bool> look_at_runs(Engine& engine, Care& care) {
  TRY(end_abandoned_runs(engine));
  care.runners.clear();
  bool again = false;
  for (const catalog::Temporary& one : TRY(engine.catalog().temporaries())) {
    if (one.role != catalog::run_role || care.hopeless.contains(one.branch_id)) continue;
    auto runner = Process::watch(one.pid);
    if (runner && is_leased(engine, one.branch_id)) {
      care.runners.push_back(std::move(*runner));
    } else if (care.tried.insert(one.branch_id).second) {
      again = true;
    } else {
      care.hopeless.insert(one.branch_id);
    }
  }
  return again;
}

/// Whether something is left that a look would change.
Result<bool> is_wanted(Engine& engine, const Care& care) {
  for (const catalog::Temporary& one : TRY(engine.catalog().temporaries())) {
    if (one.role == catalog::run_role && !care.hopeless.contains(one.branch_id)) return true;
  }
  return pools_need_care(engine, care.hopeless);
}

/// Until a runner ends or somebody calls; looks again by itself now and then.
void wait_for_news(const Care& care, const Calls& calls, std::chrono::milliseconds patience) {
  std::vector<pollfd> waiting{{calls.descriptor(), POLLIN, 0}};
  for (const Process& runner : care.runners) {
    waiting.push_back({runner.descriptor(), POLLIN, 0});
  }
  (void)::poll(waiting.data(), waiting.size(), static_cast<int>(patience.count()));
}

/// Until there is nothing to do or the home is gone.
Result<void> attend(Engine& engine, const Calls& calls, Care& care) {
  while (path_exists(engine.home().database())) {
    if (calls.take()) {
      care.tried.clear();
      care.hopeless.clear();
    }
    TRY(fault_point(Fault::caretaker_look));
    TRY(mend_operations(engine));
    // Whoever took a branch is about to connect to it: that comes before the next one is made.
    if (TRY(pools_need_care(engine, care.hopeless))) wait_for_news(care, calls, 50ms);
    TRY(care_for_pools(engine, care.hopeless));
    const bool again = TRY(look_at_runs(engine, care));
    TRY(engine.cancel().check());
    const bool goes_on = TRY(pools_need_care(engine, care.hopeless)) || again;
    if (!goes_on && !TRY(is_wanted(engine, care))) return {};
    // What is left to do now is in somebody's hands for a moment, or the next portion.
    wait_for_news(care, calls, goes_on ? 10ms : 10s);
  }
  return {};
}

}  // namespace

Result<bool> lacks_caretaker(Engine& engine) {
  if (!TRY(is_wanted(engine, {}))) return false;
  const auto lock = TRY(FileLock::try_acquire(lock_path(engine), LockMode::exclusive));
  if (lock) return true;
  TRY(call(engine));
  return false;
}

Result<void> take_care(Engine& engine) {
  Care care;
  do {
    const auto lock = TRY(FileLock::try_acquire(lock_path(engine), LockMode::exclusive));
    if (!lock) return call(engine);
    const Calls calls = TRY(Calls::listen(lock_path(engine)));
    TRY(attend(engine, calls, care));
    // Whoever came meanwhile saw the lock held, and started none.
  } while (path_exists(engine.home().database()) && TRY(is_wanted(engine, care)));
  return {};
}

}  // namespace velo::engine

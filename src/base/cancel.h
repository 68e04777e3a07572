// Cancellation: a flag that a signal handler or another thread raises and that every wait looks at.
#pragma once

#include <atomic>

#include "base/error.h"

namespace velo {

/// Owned by whoever can cancel (the CLI's signal handler, a server's request); passed down by const
/// reference. Any thread may raise or read it; raising is async-signal-safe.
class Cancellation {
 public:
  void request() noexcept { requested_.store(true, std::memory_order_relaxed); }
  bool requested() const noexcept { return requested_.load(std::memory_order_relaxed); }
  /// Errc::interrupted once requested.
  Result<void> check() const {
    if (requested()) return fail(Errc::interrupted, "interrupted");
    return {};
  }

 private:
  std::atomic<bool> requested_{false};
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace velo

// Bounding what somebody else may hold up: a cancellation that raises itself.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/cancel.h"

namespace velo {

/// While it lives, `cancel()` is raised once `patience` has passed, or soon after `above` is. For
/// calls that only look at a cancellation; what they then return is Errc::interrupted, and passed()
/// tells which of the two it was.
class TimeLimit {
 public:
  TimeLimit(std::chrono::milliseconds patience, const Cancellation& above);
  TimeLimit(const TimeLimit&) = delete;
  TimeLimit& operator=(const TimeLimit&) = delete;
  TimeLimit(TimeLimit&&) = delete;
  TimeLimit& operator=(TimeLimit&&) = delete;
  ~TimeLimit();

  const Cancellation& cancel() const { return cancel_; }
  /// The time is up (and nobody above cancelled).
  bool passed() const { return cancel_.requested() && !above_->requested(); }

 private:
  const Cancellation* above_;
  Cancellation cancel_;
  std::mutex mutex_;
  std::condition_variable ends_;
  bool done_ = false;
  std::thread thread_;
};

}  // namespace velo

#include "base/time_limit.h"

#include <algorithm>

#include "base/time.h"

namespace velo {

using namespace std::chrono_literals;

TimeLimit::TimeLimit(std::chrono::milliseconds patience, const Cancellation& above)
    : above_(&above) {
  thread_ = std::thread([this, patience] {
    const Deadline deadline(patience);
    std::unique_lock lock(mutex_);
    // A cancellation cannot wake anybody: it is looked at now and then.
    while (!done_ && !above_->requested() && !deadline.passed()) {
      ends_.wait_for(lock, std::min<std::chrono::milliseconds>(deadline.left(), 50ms));
    }
    if (!done_) cancel_.request();
  });
}

TimeLimit::~TimeLimit() {
  {
    const std::scoped_lock lock(mutex_);
    done_ = true;
  }
  ends_.notify_all();
  thread_.join();
}

}  // namespace velo

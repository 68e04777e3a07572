#include "storage/workers.h"

#include <algorithm>
#include <system_error>

namespace velo::storage {
namespace {

constexpr unsigned most_threads = 4;
constexpr std::size_t longest_queue = 32;

}  // namespace

Workers::Workers() {
  const unsigned wanted = std::clamp(std::thread::hardware_concurrency(), 2U, most_threads);
  try {
    for (unsigned i = 0; i < wanted; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::system_error&) {
    // A process or memory limit: those that did start do it all, or else submit() itself.
    return;
  }
}

void Workers::submit(std::function<void()> job) {
  if (threads_.empty()) return job();
  std::unique_lock lock(mutex_);
  there_is_room_.wait(lock, [this] { return queue_.size() < longest_queue; });
  queue_.push_back(std::move(job));
  lock.unlock();
  there_is_work_.notify_one();
}

void Workers::finish() {
  {
    const std::scoped_lock lock(mutex_);
    finishing_ = true;
  }
  there_is_work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Workers::work() {
  for (;;) {
    std::unique_lock lock(mutex_);
    there_is_work_.wait(lock, [this] { return finishing_ || !queue_.empty(); });
    if (queue_.empty()) return;
    const std::function<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    there_is_room_.notify_one();
    job();
  }
}

}  // namespace velo::storage

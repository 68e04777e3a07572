// A few threads that work off a short queue: clones and measurements of many small files.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace velo::storage {

/// Jobs must not throw. submit() and finish() are for the one thread that owns the object.
class Workers {
 public:
  Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  Workers(Workers&&) = delete;
  Workers& operator=(Workers&&) = delete;
  ~Workers() { finish(); }

  /// Waits while the queue is full, which bounds what waiting jobs hold (descriptors above all).
  void submit(std::function<void()> job);
  /// Returns when every job is done; no submit() afterwards.
  void finish();

 private:
  void work();

  std::mutex mutex_;
  std::condition_variable there_is_work_;
  std::condition_variable there_is_room_;
  std::deque<std::function<void()>> queue_;
  bool finishing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace velo::storage

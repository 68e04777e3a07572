// Waiting for a condition, with a deadline.
#pragma once

#include <poll.h>

#include <chrono>

namespace velo::test {

/// Whether `condition` came true before the deadline. Looks every 10 ms.
template <class Condition>
bool wait_until(Condition condition,
                std::chrono::milliseconds patience = std::chrono::seconds(30)) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= end) return false;
    ::poll(nullptr, 0, 10);
  }
  return true;
}

}  // namespace velo::test

// Moments to recover to: with some of the clock on both of their sides.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "base/time.h"
#include "support/wait.h"

namespace velo::test {

/// Until the clock shows so much more: the clock itself is the condition.
inline void let_pass(std::chrono::milliseconds time) {
  const Timestamp end = now() + time;
  EXPECT_TRUE(wait_until([&] { return now() >= end; }));
}

/// A moment between two commits.
inline std::string moment_between() {
  let_pass(std::chrono::milliseconds(2));
  std::string moment = to_rfc3339(now());
  let_pass(std::chrono::milliseconds(2));
  return moment;
}

}  // namespace velo::test

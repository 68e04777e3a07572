#include "base/time_limit.h"

#include <gtest/gtest.h>

#include "support/wait.h"

namespace velo {
namespace {

using namespace std::chrono_literals;

TEST(TimeLimit, RaisesItselfWhenTheTimeIsUp) {
  const Cancellation above;
  const TimeLimit limit(1ms, above);
  EXPECT_TRUE(test::wait_until([&] { return limit.cancel().requested(); }));
  EXPECT_TRUE(limit.passed());
}

TEST(TimeLimit, FollowsTheOneAbove) {
  Cancellation above;
  const TimeLimit limit(1h, above);
  EXPECT_FALSE(limit.cancel().requested());
  above.request();
  EXPECT_TRUE(test::wait_until([&] { return limit.cancel().requested(); }));
  EXPECT_FALSE(limit.passed());
}

TEST(TimeLimit, HoldsNobodyUpThatIsReady) {
  const Cancellation above;
  {
    const TimeLimit limit(1h, above);
  }
  SUCCEED();
}

}  // namespace
}  // namespace velo

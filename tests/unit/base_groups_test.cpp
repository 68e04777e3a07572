#include "base/groups.h"

#include <gtest/gtest.h>

namespace velo {
namespace {

TEST(Groups, AreKnownByNameAndNumber) {
  EXPECT_EQ(group_name(0), "root");
  EXPECT_TRUE(group_exists("root"));
  constexpr gid_t nobodys = 4'294'967'000U;
  EXPECT_EQ(group_name(nobodys), std::nullopt);
  EXPECT_FALSE(group_exists("no such group"));
}

}  // namespace
}  // namespace velo

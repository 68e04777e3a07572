// The checker's part for crash tests: whether everything agrees.
#include "engine/check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine_support.h"

namespace velo::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> codes_of(const std::vector<Finding>& findings) {
  std::vector<std::string> codes;
  for (const Finding& finding : findings) codes.push_back(finding.code);
  return codes;
}

class Agreement : public testing::Test {
 protected:
  test::OpenedHome home;
};

TEST_F(Agreement, OfAnEmptyHomeIsWhole) {
  Engine engine = home.open();
  EXPECT_THAT(codes_of(check_agreement(engine)), IsEmpty());
}

TEST_F(Agreement, IsBrokenByWhatHasNoRecord) {
  Engine engine = home.open();
  ASSERT_TRUE(create_directory(home.path() / "run/0123456789abcdef", 0700));
  ASSERT_TRUE(create_directory(home.path() / "tls/0123456789abcdef", 0700));
  EXPECT_THAT(codes_of(check_agreement(engine)),
              ElementsAre("orphan.run_directory", "orphan.certificate"));
}

TEST_F(Agreement, IsBrokenByAnOperationThatNobodyEnds) {
  Engine engine = home.open();
  const catalog::Operation interrupted{
      .kind = "branch.create",
      .subject = "demo/dev",
      .command = "velo branch create demo/dev",
      .pid = 1,
      .plan = R"({"branches":["0123456789abcdef"],"undo":[],"finish":[]})",
      .state = "running",
      .started_at = now(),
      .ended_at = {},
      .recovery = {},
      .recovered_by = {},
      .error = {}};
  ASSERT_TRUE(engine.catalog().change([&]() -> Result<void> {
    TRY(engine.catalog().insert(interrupted, {}));
    return {};
  }));
  ASSERT_TRUE(create_directory(home.path() / "run/0123456789abcdef", 0700));
  EXPECT_THAT(codes_of(check_agreement(engine)), ElementsAre("state.operation"))
      << "its plan knows the run directory";
}

TEST(Check, NeverFailsAndMakesNothing) {
  test::RememberingObserver observer;
  const Cancellation cancel;
  const test::TempDirectory directory;
  const CheckReport report =
      check({.home = directory.path() / "none", .path_variable = {}, .version = "2.0.0"}, observer,
            cancel);
  EXPECT_EQ(report.sections.size(), 7U);
  EXPECT_FALSE(path_exists(directory.path() / "none"));
}

}  // namespace
}  // namespace velo::engine

// The earlier Velo's state.json: what is taken from it, and what is refused.
#include "engine/earlier_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace velo::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const std::string whole = R"({
  "version": "1.0.0",
  "initializedAt": "2025-10-07T14:00:00.000Z",
  "zfsPool": "tank",
  "zfsDatasetBase": "velo/databases",
  "projects": [{
    "id": "0b0e7d3c-3f65-4f0c-8a61-5a8b8c1b0001",
    "name": "demo",
    "dockerImage": "postgres:17-alpine",
    "sslCertDir": "/home/me/.velo/certs/demo",
    "createdAt": "2025-10-07T14:30:00.000Z",
    "credentials": {"username": "postgres", "password": "geheim", "database": "postgres"},
    "branches": [
      {"id": "b3", "name": "demo/feature", "projectName": "demo", "parentBranchId": "b2",
       "isPrimary": false, "snapshotName": "tank/velo/databases/demo-dev@2025-10-08T10-00-00",
       "zfsDataset": "demo-feature", "port": 32837, "createdAt": "2025-10-08T10:00:00.000Z",
       "status": "stopped"},
      {"id": "b1", "name": "demo/main", "projectName": "demo", "parentBranchId": null,
       "isPrimary": true, "snapshotName": null, "zfsDataset": "demo-main", "port": 32835,
       "createdAt": "2025-10-07T14:30:00.000Z", "status": "running", "sizeBytes": 9699328},
      {"id": "b2", "name": "demo/dev", "projectName": "demo", "parentBranchId": "b1",
       "isPrimary": false, "snapshotName": "tank/velo/databases/demo-main@2025-10-08T09-00-00",
       "zfsDataset": "demo-dev", "port": 32836, "createdAt": "2025-10-08T09:00:00.000Z",
       "status": "created"}]}],
  "snapshots": [{"id": "s1", "branchId": "b1", "branchName": "demo/main", "projectName": "demo",
    "zfsSnapshot": "tank/velo/databases/demo-main@2025-10-08T11-00-00",
    "createdAt": "2025-10-08T11:00:00.000Z", "label": "before"}]
})";

std::string with(const std::string& from, const std::string& to) {
  std::string text = whole;
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string refusal(const std::string& text) {
  const auto parsed = parse_earlier_state(text);
  EXPECT_FALSE(parsed);
  if (parsed) return "";
  EXPECT_THAT(parsed.error().message, testing::Not(HasSubstr("geheim")));
  return parsed.error().message;
}

TEST(EarlierState, IsReadWithParentsBeforeTheirChildren) {
  ASSERT_TRUE(is_earlier_state(whole));
  const auto state = parse_earlier_state(whole);
  ASSERT_TRUE(state) << state.error().message;
  EXPECT_EQ(state->pool, "tank");
  EXPECT_EQ(state->base, "velo/databases");
  ASSERT_EQ(state->projects.size(), 1U);
  const EarlierProject& demo = state->projects.front();
  EXPECT_EQ(demo.image, "postgres:17-alpine");
  EXPECT_EQ(demo.password, "geheim");
  EXPECT_EQ(to_rfc3339(demo.created_at).substr(0, 19), "2025-10-07T14:30:00");
  std::vector<std::string> names;
  for (const EarlierBranch& branch : demo.branches) names.push_back(branch.name);
  EXPECT_THAT(names, ElementsAre("main", "dev", "feature"));
  EXPECT_TRUE(demo.branches.at(0).is_primary);
  EXPECT_TRUE(demo.branches.at(0).ran);
  EXPECT_EQ(demo.branches.at(0).port, 32835);
  EXPECT_EQ(demo.branches.at(2).parent_id, "b2");
  EXPECT_EQ(demo.branches.at(2).dataset, "demo-feature");
  EXPECT_THAT(state->snapshots, ElementsAre("tank/velo/databases/demo-main@2025-10-08T11-00-00"));
}

TEST(EarlierState, TheBaseMayHaveThePoolInFront) {
  const auto state = parse_earlier_state(with("\"velo/databases\"", "\"tank/velo/databases\""));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->base, "velo/databases");
}

TEST(EarlierState, ABranchWhoseParentIsGoneHasNone) {
  const auto state =
      parse_earlier_state(with("\"parentBranchId\": \"b2\"", "\"parentBranchId\": \"b9\""));
  ASSERT_TRUE(state);
  for (const EarlierBranch& branch : state->projects.front().branches) {
    if (branch.name == "feature") EXPECT_FALSE(branch.parent_id);
  }
}

TEST(EarlierState, WhatCannotBeIsRefused) {
  EXPECT_FALSE(is_earlier_state("{\"velo_state\": 1}"));
  EXPECT_FALSE(is_earlier_state("no JSON"));
  EXPECT_THAT(refusal("no JSON"), HasSubstr("no JSON object"));
  EXPECT_THAT(refusal(with("1.0.0", "2.0.0")), HasSubstr("its version is '2.0.0'"));
  EXPECT_THAT(refusal(with("\"zfsPool\": \"tank\",", "")), HasSubstr("zfsPool"));
  EXPECT_THAT(refusal(with("demo-main", "../demo-main")), HasSubstr("zfsDataset"));
  EXPECT_THAT(refusal(with("demo-main", "-rf")), HasSubstr("zfsDataset"));
  EXPECT_THAT(refusal(with("\"demo/main\"", "\"other/main\"")), HasSubstr("lists other/main"));
  EXPECT_THAT(refusal(with("\"demo/dev\"", "\"demo/main\"")), HasSubstr("two branches"));
  EXPECT_THAT(refusal(with("\"parentBranchId\": \"b1\"", "\"parentBranchId\": \"b3\"")),
              HasSubstr("descend from one another"));
  EXPECT_THAT(refusal(with("\"credentials\"", "\"secrets\"")), HasSubstr("credentials"));
  EXPECT_THAT(refusal(with("\"branches\"", "\"twigs\"")), HasSubstr("branches"));
  EXPECT_FALSE(parse_earlier_state(with("\"name\": \"demo\"", "\"name\": \"../demo\"")));
}

}  // namespace
}  // namespace velo::engine

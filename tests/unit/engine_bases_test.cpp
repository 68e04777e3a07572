// Which bases stay, with given times.
#include "engine/bases.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace velo::engine {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

const Timestamp today = std::chrono::sys_days{std::chrono::year{2026} / 5 / 20};
const Timestamp since = today - std::chrono::days(7);

Timestamp days_ago(int days) {
  return today - std::chrono::days(days);
}

/// Lives and snapshots, named by their ids; times in days before today.
class Story {
 public:
  Story& life(const std::string& id, int created, const std::string& parent = {}) {
    catalog::Incarnation life;
    life.id = id;
    life.branch_id = "branch of " + id;
    life.created_at = days_ago(created);
    if (!parent.empty()) {
      life.parent_incarnation_id = parent;
      life.fork_lsn = "0/3000028";
    }
    lives.all.push_back(life);
    return *this;
  }
  Story& snapshot(const std::string& id, const std::string& of, int taken,
                  const std::string& purpose = "base") {
    catalog::Incarnation volume;
    volume.id = id;
    volume.branch_id = "branch of " + of;
    volume.kept_reason = snapshot_reason;
    volume.created_at = days_ago(taken);
    lives.all.push_back(volume);
    lives.bases.snapshots.push_back({.incarnation_id = id,
                                     .of_incarnation_id = of,
                                     .label = "",
                                     .purpose = purpose,
                                     .taken_at = days_ago(taken)});
    return *this;
  }
  catalog::Incarnation& get(const std::string& id) {
    return *std::ranges::find(lives.all, id, &catalog::Incarnation::id);
  }
  std::vector<std::string> going(const std::string& life) const {
    std::vector<std::string> ids;
    for (const auto& one : bases_to_forget(lives, needs_since(lives, since), life, since)) {
      ids.push_back(one.incarnation_id);
    }
    return ids;
  }
  std::optional<Hold> hold(const std::string& life) const {
    return hold_on(lives, needs_since(lives, since), *lives.find(life), since);
  }

  Lives lives;
};

TEST(BasesToForget, TheNewestBeforeTheWindowStaysAndOlderOnesGo) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 12);
  story.snapshot("third", "main", 8).snapshot("fourth", "main", 3);
  EXPECT_THAT(story.going("main"), ElementsAre("first", "second"));
}

TEST(BasesToForget, OneThatWasTakenWhenTheWindowBeginsIsWhereItBegins) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 7);
  EXPECT_THAT(story.going("main"), ElementsAre("first"));
  story.lives.bases.snapshots.back().taken_at += 1us;
  EXPECT_THAT(story.going("main"), IsEmpty()) << "the window's first microsecond needs the first";
}

TEST(BasesToForget, TheOnlyOneStaysHoweverOld) {
  Story story;
  story.life("main", 300).snapshot("first", "main", 300);
  EXPECT_THAT(story.going("main"), IsEmpty());
}

TEST(BasesToForget, WhatAPersonOrAScheduleTookStaysAndServesAsABase) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("asked", "main", 20, "asked");
  story.snapshot("scheduled", "main", 15, "schedule").snapshot("late", "main", 1);
  EXPECT_THAT(story.going("main"), ElementsAre("first"));
}

TEST(BasesToForget, ABaseThatABranchsMomentsComeFromStays) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 20);
  story.snapshot("third", "main", 10).life("dev", 15, "main");
  EXPECT_THAT(story.going("main"), ElementsAre("first")) << "dev goes back to the second";
  story.life("grandchild", 2, "dev");
  EXPECT_THAT(story.going("main"), ElementsAre("first"));
  story.snapshot("of dev", "dev", 9);
  EXPECT_THAT(story.going("main"), ElementsAre("first", "second")) << "dev has its own now";
}

TEST(BasesToForget, ABranchThatArchivesNothingNeedsNone) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 10);
  story.life("dev", 15, "main");
  EXPECT_THAT(story.going("main"), IsEmpty());
  story.lives.forgetful.insert("branch of dev");
  EXPECT_THAT(story.going("main"), ElementsAre("first"));
}

TEST(BasesToForget, ABaseThatHoldsMoreThanTheForkIsNoneOfTheChilds) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 10);
  story.life("dev", 3, "main");
  story.get("dev").forked_at = days_ago(12);  // made 3 days ago, as of 12 days ago
  EXPECT_THAT(story.going("main"), IsEmpty());
}

TEST(BasesToForget, ALifeThatEndedBeforeTheWindowNeedsNoneUnlessItMayComeBack) {
  Story story;
  story.life("old", 30).snapshot("first", "old", 30).life("new", 10, "old");
  story.snapshot("second", "new", 9);
  story.get("old").kept_since = days_ago(10);
  story.get("old").kept_reason = "reset";
  EXPECT_THAT(story.going("old"), ElementsAre("first"));
  story.get("old").kept_until = today + 24h;
  EXPECT_THAT(story.going("old"), IsEmpty());
}

TEST(HoldOn, TheOnlyBaseOfALifeHoldsItsWal) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30);
  const auto hold = story.hold("main");
  ASSERT_TRUE(hold);
  EXPECT_EQ(hold->snapshot, "first");
  EXPECT_EQ(hold->life, "main");
}

TEST(HoldOn, WhatGoesWithTimeIsNoHold) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 2);
  EXPECT_FALSE(story.hold("main")) << "in five days the second takes over";
  Story young;
  young.life("main", 6).snapshot("first", "main", 6);
  EXPECT_FALSE(young.hold("main"));
}

TEST(HoldOn, AnotherBranchOrAPersonsSnapshotIsNamed) {
  Story story;
  story.life("main", 30).snapshot("first", "main", 30).snapshot("second", "main", 10);
  story.life("dev", 20, "main");
  ASSERT_TRUE(story.hold("main"));
  EXPECT_EQ(story.hold("main")->life, "dev");
  ASSERT_TRUE(story.hold("dev")) << "dev's own WAL is needed from its fork on";
  EXPECT_EQ(story.hold("dev")->life, "dev");

  Story asked;
  asked.life("main", 30).snapshot("asked", "main", 30, "asked").snapshot("second", "main", 10);
  ASSERT_TRUE(asked.hold("main"));
  EXPECT_EQ(asked.hold("main")->snapshot, "asked");
  EXPECT_EQ(asked.hold("main")->life, std::nullopt);
}

}  // namespace
}  // namespace velo::engine

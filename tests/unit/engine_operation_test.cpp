// The journal's protocol, with directories for volumes: what a failed step, a commit and a death at
// each point leave behind. A process that dies is a real one.
#include "engine/operation.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/files.h"
#include "catalog/catalog.h"
#include "engine/actions.h"
#include "engine_support.h"

namespace velo::engine {
namespace {

using test::OpenedHome;

/// A plan whose undo removes what `step` makes, and whose finish removes what was there before.
Draft draft_of(const std::string& made, const std::string& before) {
  return {.plan = {.branches = {"b-" + made},
                   .undo = {forget_project_files(made)},
                   .finish = {forget_project_files(before)}},
          .reservations = {{"project", made}}};
}

Result<Operation> begin(Engine& engine, const std::string& made, const std::string& before) {
  return Operation::begin(engine, "test.replace", made,
                          [&]() -> Result<Draft> { return draft_of(made, before); });
}

Result<void> make(Engine& engine, Operation& operation, const std::string& made) {
  return operation.step("make", "Make",
                        [&] { return ensure_directory(engine.home().tls_directory(made), 0700); });
}

class Journal : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(ensure_directory(home.open().home().tls_directory("old"), 0700));
  }

  bool has(const std::string& name) const { return path_exists(home.path() / "tls" / name); }

  /// Runs `work` in a process that dies right after it, holding all its locks.
  template <class Work>
  void in_a_process_that_dies(Work work) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      Engine engine = home.open("velo dies");
      work(engine);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }

  OpenedHome home;
};

TEST_F(Journal, ACommittedOperationIsFinishedAndReleasesItsNames) {
  Engine engine = home.open();
  auto operation = begin(engine, "new", "old");
  ASSERT_TRUE(operation);
  EXPECT_EQ(engine.catalog().reservations("project").value().size(), 1U);
  ASSERT_TRUE(make(engine, *operation, "new"));
  ASSERT_TRUE(operation->commit([] { return Result<void>{}; }));
  EXPECT_TRUE(has("new"));
  EXPECT_FALSE(has("old"));
  EXPECT_TRUE(engine.catalog().reservations("project").value().empty());
  EXPECT_TRUE(engine.catalog().open_operations().value().empty());
  EXPECT_EQ(engine.catalog().recent_operations(1).value().at(0).state, "done");
}

TEST_F(Journal, AFailedStepIsUndoneAndItsErrorReturned) {
  Engine engine = home.open();
  auto operation = begin(engine, "new", "old");
  ASSERT_TRUE(operation);
  const auto result = or_undo(*operation, [&]() -> Result<void> {
    TRY(make(engine, *operation, "new"));
    return fail(Errc::storage, "the disk is on fire");
  });
  EXPECT_EQ(result.error().message, "the disk is on fire");
  EXPECT_FALSE(has("new"));
  EXPECT_TRUE(has("old"));
  const auto record = engine.catalog().recent_operations(1).value().at(0);
  EXPECT_EQ(record.state, "undone");
  EXPECT_EQ(record.error, "the disk is on fire");
  EXPECT_TRUE(engine.catalog().reservations("project").value().empty());
}

TEST_F(Journal, AnAbandonedOperationUndoesItself) {
  Engine engine = home.open();
  {
    auto operation = begin(engine, "new", "old");
    ASSERT_TRUE(make(engine, *operation, "new"));
  }
  EXPECT_FALSE(has("new"));
}

TEST_F(Journal, ADeathBeforeTheCommitIsUndoneByTheNextCommand) {
  in_a_process_that_dies([](Engine& engine) {
    auto operation = begin(engine, "new", "old");
    if (!operation || !make(engine, *operation, "new")) ::_exit(1);
    ::_exit(0);
  });
  ASSERT_TRUE(has("new"));
  Engine engine = home.open("velo next");
  ASSERT_TRUE(mend(engine));
  EXPECT_FALSE(has("new"));
  EXPECT_TRUE(has("old"));
  const auto record = engine.catalog().recent_operations(1).value().at(0);
  EXPECT_EQ(record.recovery, "undone");
  EXPECT_EQ(record.recovered_by, "velo next");
  EXPECT_TRUE(engine.catalog().reservations("project").value().empty());
  ASSERT_EQ(home.observer.notices.size(), 1U);
  EXPECT_TRUE(home.observer.notices[0].starts_with("Undid an interrupted test replace of new ("))
      << home.observer.notices[0];
}

TEST_F(Journal, ADeathAfterTheCommitIsFinishedByTheNextCommand) {
  in_a_process_that_dies([](Engine& engine) {
    auto operation = begin(engine, "new", "old");
    if (!operation || !make(engine, *operation, "new")) ::_exit(1);
    // The catalog's last change, and then nothing: as if killed inside commit().
    auto record = engine.catalog().recent_operations(1).value().at(0);
    record.state = "committed";
    if (!engine.catalog().update(record)) ::_exit(1);
    ::_exit(0);
  });
  Engine engine = home.open("velo next");
  ASSERT_TRUE(mend(engine));
  EXPECT_TRUE(has("new"));
  EXPECT_FALSE(has("old"));
  EXPECT_EQ(engine.catalog().recent_operations(1).value().at(0).recovery, "finished");
}

TEST_F(Journal, ALivingOperationIsLeftAlone) {
  Engine engine = home.open();
  auto operation = begin(engine, "new", "old");
  ASSERT_TRUE(make(engine, *operation, "new"));
  Engine other = home.open();
  ASSERT_TRUE(mend(other));
  EXPECT_TRUE(has("new"));
  EXPECT_TRUE(operation->commit([] { return Result<void>{}; }));
}

TEST_F(Journal, TwoOperationsCannotTakeOneName) {
  Engine engine = home.open();
  auto first = begin(engine, "new", "old");
  ASSERT_TRUE(first);
  const auto second = begin(engine, "new", "old");
  EXPECT_EQ(second.error().code, Errc::already_exists);
  EXPECT_EQ(engine.catalog().open_operations().value().size(), 1U) << "nothing of it was written";
}

TEST_F(Journal, ACancelledStepIsNotBegun) {
  Engine engine = home.open();
  auto operation = begin(engine, "new", "old");
  home.cancel.request();
  EXPECT_EQ(make(engine, *operation, "new").error().code, Errc::interrupted);
  EXPECT_FALSE(has("new"));
}

TEST_F(Journal, AnOperationThatCannotBeMendedBlocksOnlyItsOwnBranches) {
  in_a_process_that_dies([](Engine& engine) {
    auto operation = Operation::begin(engine, "test.strange", "x", []() -> Result<Draft> {
      return Draft{.plan = {.branches = {"b1"}, .undo = {{"from the future", {}}}, .finish = {}},
                   .reservations = {}};
    });
    if (!operation) ::_exit(1);
    ::_exit(0);
  });
  Engine engine = home.open();
  const auto blocked = lock_branches(
      engine, []() -> Result<LockSet> { return LockSet{.exclusive = {"b1"}, .shared = {}}; });
  EXPECT_EQ(blocked.error().code, Errc::in_use);
  const auto free = lock_branches(
      engine, []() -> Result<LockSet> { return LockSet{.exclusive = {"b2"}, .shared = {}}; });
  EXPECT_TRUE(free);
  EXPECT_FALSE(home.observer.warnings.empty());
}

TEST_F(Journal, WhatChangedWhileWaitingForALockIsResolvedAgain) {
  Engine engine = home.open();
  int calls = 0;
  const auto locks = lock_branches(engine, [&]() -> Result<LockSet> {
    return LockSet{.exclusive = {++calls < 3 ? fmt::format("b{}", calls) : "b"}, .shared = {}};
  });
  EXPECT_TRUE(locks);
  EXPECT_GE(calls, 4) << "until two answers in a row agree";
}

TEST(Plan, RoundTripsThroughJson) {
  const Draft draft = draft_of("new", "old");
  const auto plan = plan_from_json(to_json(draft.plan));
  ASSERT_TRUE(plan);
  EXPECT_EQ(to_json(*plan), to_json(draft.plan));
  EXPECT_EQ(plan_from_json("{}").error().code, Errc::state);
  EXPECT_EQ(plan_from_json("nonsense").error().code, Errc::state);
}

}  // namespace
}  // namespace velo::engine

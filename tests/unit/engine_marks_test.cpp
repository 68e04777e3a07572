// What a volume's mark holds of the records, and the way back.
#include "engine/marks.h"

#include <gtest/gtest.h>

#include "catalog/catalog.h"
#include "engine_support.h"
#include "storage/mark.h"

namespace velo::engine {
namespace {

BranchRecords a_branch() {
  BranchRecords b;
  b.project = {.id = "00000000000000aa",
               .name = "demo",
               .driver = "btrfs",
               .pool = "/pool",
               .storage_reason = "",
               .runtime = "docker",
               .runtime_reason = "",
               .pg_major = 17,
               .os_user = "70:70",
               .database = "app",
               .main_branch_id = "00000000000000bb",
               .created_at = now(),
               .deleted_at = {}};
  b.branch.id = "00000000000000cc";
  b.branch.project_id = b.project.id;
  b.branch.name = "dev";
  b.branch.parent_id = "00000000000000bb";
  b.branch.superuser = "bo\"ss";
  b.branch.password_counter = 3;
  b.branch.archives = false;
  b.branch.settings = {{"work_mem", "8MB"}};
  b.branch.created_at = now();
  b.incarnation.id = "00000000000000dd";
  b.incarnation.branch_id = b.branch.id;
  b.incarnation.parent_incarnation_id = "00000000000000ee";
  b.incarnation.image = "postgres:17-alpine";
  b.incarnation.image_digest = "sha256:1234";
  b.incarnation.basic_archive = true;
  b.incarnation.pg_version = "17.2";
  b.incarnation.created_at = now();
  b.incarnation.forked_at = now();
  b.branch.incarnation_id = b.incarnation.id;
  b.endpoint = {.branch_id = b.branch.id, .address = "127.0.0.1", .port = 17001, .active = true};
  return b;
}

class Marks : public testing::Test {
 protected:
  storage::Mark mark() { return mark_for(engine, b); }
  test::OpenedHome home;
  Engine engine = home.open();
  BranchRecords b = a_branch();
};

TEST_F(Marks, HoldAllThatABranchIsFoundAgainBy) {
  const storage::Mark read = storage::mark_from_json(storage::mark_to_line(mark())).value();
  EXPECT_EQ(read.home_id, engine.catalog().home_id());
  const auto found = records_in(read);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(found->is_main);
  EXPECT_FALSE(found->is_whole);
  EXPECT_FALSE(found->snapshot);
  EXPECT_EQ(found->b.project.id, b.project.id);
  EXPECT_EQ(found->b.project.name, "demo");
  EXPECT_EQ(found->b.project.pg_major, 17);
  EXPECT_EQ(found->b.project.os_user, "70:70");
  EXPECT_EQ(found->b.project.database, "app");
  EXPECT_EQ(found->b.project.runtime, "docker");
  EXPECT_EQ(found->b.project.created_at, b.project.created_at);
  EXPECT_EQ(found->b.branch.parent_id, b.branch.parent_id);
  EXPECT_EQ(found->b.branch.superuser, b.branch.superuser);
  EXPECT_EQ(found->b.branch.password_counter, 3);
  EXPECT_FALSE(found->b.branch.archives);
  EXPECT_EQ(found->b.branch.settings, b.branch.settings);
  EXPECT_EQ(found->b.incarnation.parent_incarnation_id, b.incarnation.parent_incarnation_id);
  EXPECT_EQ(found->b.incarnation.image, b.incarnation.image);
  EXPECT_EQ(found->b.incarnation.image_digest, b.incarnation.image_digest);
  EXPECT_TRUE(found->b.incarnation.basic_archive);
  EXPECT_EQ(found->b.incarnation.forked_at, b.incarnation.forked_at);
  EXPECT_EQ(found->b.endpoint.port, 17001);
  EXPECT_EQ(found->b.endpoint.address, "127.0.0.1");
}

TEST_F(Marks, FitIntoAPropertyOfZfs) {
  b.branch.settings["search_path"] = std::string(10'000, 'x');
  EXPECT_LT(storage::mark_to_line(mark()).size(), 8192U);
}

TEST_F(Marks, ThatTellTooLittleOrWhatCannotBeAreNone) {
  storage::Mark old = mark();
  old.record.clear();
  EXPECT_EQ(records_in(old).error().code, Errc::state);
  storage::Mark odd = mark();
  odd.branch_id = "../../../etc";
  EXPECT_EQ(records_in(odd).error().code, Errc::state);
  odd = mark();
  odd.branch_name = "../x";
  EXPECT_FALSE(records_in(odd));
}

}  // namespace
}  // namespace velo::engine

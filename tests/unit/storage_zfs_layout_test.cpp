#include <gmock/gmock.h>

#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"

namespace velo::storage::zfs {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(ZfsLayout, APlaceIsAPoolOrADatasetInOne) {
  for (const char* good : {"tank", "tank/team", "rpool/data/pg.1", "t-1_2:3"}) {
    EXPECT_TRUE(is_place(good)) << good;
  }
  for (const char* bad : {"", "/tank", "tank/", "tank//x", "tank/..", "tank@x", "tank x", "-tank",
                          "tank/a,b", "tank#x", "tänk"}) {
    EXPECT_FALSE(is_place(bad)) << bad;
  }
}

TEST(ZfsLayout, ADatasetIsTakenApartOnlyIfItIsAVolumes) {
  const auto found = volume_of("tank/team/velo/databases/shop-dev.2");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->place, "tank/team");
  EXPECT_EQ(found->volume, "shop-dev.2");
  EXPECT_EQ(dataset_of(found->place, found->volume), "tank/team/velo/databases/shop-dev.2");
  for (const char* bad :
       {"", "tank", "tank/velo/databases", "tank/velo/databases/", "tank/velo/databases/..",
        "tank/velo/databases/a/b", "tank/velo/databases/a@s", "tank/velo/databases/a b",
        "velo/databases/x", "/velo/databases/x", "tank/velo/other/x", "tank/velo/databases/-o",
        "tank/velo/databases/a\n", "../velo/databases/x"}) {
    EXPECT_FALSE(volume_of(bad)) << bad;
  }
}

TEST(ZfsLayout, PlacesAreMountedApart) {
  EXPECT_EQ(mountpoint_of("tank", "shop-main"), "/var/lib/velo/zfs/tank/shop-main");
  EXPECT_EQ(mountpoint_of("tank/team", "shop-main"), "/var/lib/velo/zfs/tank+team/shop-main");
}

TEST(ZfsLayout, TheSudoersLineNamesOneProgramWithoutArguments) {
  EXPECT_EQ(sudoers_line("velo"),
            "%velo ALL=(root) NOPASSWD: /usr/lib/velo/velo-mount-helper \"\"\n");
}

constexpr auto granted =
    "---- Permissions on tank/velo/databases ------------------------------\n"
    "Create time permissions:\n"
    "\tallow,clone,create,destroy,mount,promote,snapshot,userprop\n"
    "Local permissions:\n"
    "\tgroup staff create,mount\n"
    "\tuser alice create,mount\n";

TEST(ZfsLayout, RightsAreReadFromWhatZfsTells) {
  EXPECT_THAT(missing_rights(granted, "alice", {}), IsEmpty());
  EXPECT_THAT(missing_rights(granted, "bob", {"users", "staff"}), IsEmpty());
  EXPECT_THAT(missing_rights(granted, "bob", {"users"}), ElementsAre("create", "mount"));
  EXPECT_THAT(missing_rights("", "bob", {}).size(), 10U);
  EXPECT_THAT(missing_rights("---- Permissions on tank/velo/databases ---\n"
                             "Local+Descendent permissions:\n\teveryone create,mount\n",
                             "bob", {}),
              testing::Not(testing::Contains("create")));
}

TEST(ZfsLayout, RightsAboveTheBaseDoNotCount) {
  const std::string above =
      "---- Permissions on tank/velo/databases ---\nLocal permissions:\n\tuser alice create\n"
      "---- Permissions on tank ---\nLocal permissions:\n\tuser alice mount\n";
  EXPECT_THAT(missing_rights(above, "alice", {}), testing::Contains("mount"));
}

TEST(ZfsWords, HaveAKindAndTheirFirstLineIsTheMessage) {
  const auto kind = [](const char* words) { return error_of(words).code; };
  EXPECT_EQ(kind("cannot open 'tank/x': dataset does not exist\n"), Errc::not_found);
  EXPECT_EQ(kind("cannot create 'tank/x': dataset already exists\n"), Errc::already_exists);
  EXPECT_EQ(kind("cannot create snapshot 'tank/x@y': out of space\n"), Errc::no_space);
  EXPECT_EQ(kind("cannot create 'tank/x': pool is read-only\n"), Errc::permission);
  EXPECT_EQ(kind("cannot destroy snapshots: permission denied\n"), Errc::permission);
  EXPECT_EQ(kind("cannot unmount '/x': pool or dataset is busy\n"), Errc::storage);
  EXPECT_EQ(kind("whatever\n"), Errc::storage);
  const Error error =
      error_of("cannot open 'tank/no': dataset does not exist\nusage:\n\tsnapshot\n");
  EXPECT_EQ(error.message, "cannot open 'tank/no': dataset does not exist");
  EXPECT_EQ(error.detail, "");
}

}  // namespace
}  // namespace velo::storage::zfs

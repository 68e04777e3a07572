#include "postgres/recovery.h"

#include <gmock/gmock.h>

#include "base/files.h"
#include "postgres_scratch.h"
#include "support/environment.h"

namespace velo::postgres {
namespace {

using testing::Contains;
using testing::Pair;

std::map<std::string, std::string> settings_for(RecoveryTarget target) {
  std::map<std::string, std::string> last;  // the last of a name wins on a command line
  for (auto& [name, value] :
       recovery_settings({.target = std::move(target), .timeline = 3, .restore_command = "r"})) {
    last[name] = value;
  }
  return last;
}

TEST(PostgresRecovery, ATimeIsGivenWithItsZoneAndFraction) {
  const auto settings = settings_for(ToTime{parse_rfc3339("2025-10-07T14:30:00.25Z").value()});
  EXPECT_THAT(settings, Contains(Pair("recovery_target_time", "2025-10-07 14:30:00.250000+00")));
  EXPECT_THAT(settings, Contains(Pair("recovery_target_lsn", "")));
  EXPECT_THAT(settings, Contains(Pair("recovery_target_timeline", "3")));
  EXPECT_THAT(settings, Contains(Pair("hot_standby", "off")));
}

TEST(PostgresRecovery, OneTargetIsSetAndItIsTheLastToBe) {
  // PostgreSQL refuses to unset one target after another was set.
  for (const auto& [target, name] : std::vector<std::pair<RecoveryTarget, std::string>>{
           {ToLsn{0x16B374D848}, "recovery_target_lsn"},
           {ToRestorePoint{"here"}, "recovery_target_name"}}) {
    const auto all = recovery_settings({.target = target, .timeline = 1, .restore_command = "r"});
    EXPECT_EQ(all.back().first, name);
    EXPECT_NE(all.back().second, "");
  }
  EXPECT_THAT(settings_for(ToLsn{0x16B374D848}),
              Contains(Pair("recovery_target_lsn", "16/B374D848")));
  for (const auto& [name, value] : settings_for(ToEnd{})) {
    if (name.starts_with("recovery_target_")) {
      EXPECT_THAT(name + value,
                  testing::AnyOf("recovery_target_timeline3", "recovery_target_actionpromote",
                                 "recovery_target_inclusiveon", name));
    }
  }
}

TEST(PostgresRecovery, BeginsWhereTheLabelSays) {
  const test::Scratch pgdata;
  test::put(pgdata / "backup_label",
            "START WAL LOCATION: 1/2000028 (file 000000020000000100000002)\n"
            "CHECKPOINT LOCATION: 1/2000060\nBACKUP METHOD: streamed\nSTART TIMELINE: 2\n");
  const auto start = recovery_start(pgdata.path());
  ASSERT_OK(start);
  EXPECT_EQ(start->redo, 0x1'0200'0028U);
  EXPECT_EQ(start->timeline, 2U);
  test::put(pgdata / "backup_label", "nonsense\n");
  EXPECT_FALSE(recovery_start(pgdata.path()).has_value());
}

TEST(PostgresRecovery, ATimelineBeganWhereTheLastLineOfItsHistorySays) {
  EXPECT_EQ(switch_point("1\t0/3000148\tno recovery target specified\n\n"
                         "2\t0/5000A0\tbefore 2025-10-07 14:30:00+00\n")
                .value(),
            0x5000A0U);
  EXPECT_FALSE(switch_point("").has_value());
  EXPECT_FALSE(switch_point("# nothing\n").has_value());
  EXPECT_FALSE(switch_point("1 without tabs\n").has_value());
}

}  // namespace
}  // namespace velo::postgres

#include "postgres/client.h"

#include "unit/postgres_scratch.h"

namespace velo::postgres {
namespace {

using test::put;
using test::Scratch;

TEST(PostgresClient, PrefersTheNewestBuildsPsql) {
  const Scratch scratch;
  put(scratch / "16/psql", "", 0755);
  put(scratch / "path/psql", "", 0755);
  const std::vector<Build> builds = {{.major = 17, .version = "17.1", .bin = scratch / "17"},
                                     {.major = 16, .version = "16.1", .bin = scratch / "16"}};
  EXPECT_EQ(find_psql(builds, (scratch / "path").string()).value(), scratch / "16/psql");
}

TEST(PostgresClient, TakesPsqlFromThePath) {
  const Scratch scratch;
  put(scratch / "not-executable/psql", "", 0644);
  put(scratch / "path/psql", "", 0755);
  const std::string path = fmt::format("relative::{}:{}", (scratch / "not-executable").string(),
                                       (scratch / "path").string());
  EXPECT_EQ(find_psql({}, path).value(), scratch / "path/psql");
}

}  // namespace
}  // namespace velo::postgres

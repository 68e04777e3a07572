#include "parents.h"

#include <unistd.h>

#include "base/process.h"

namespace velo::test {

using namespace std::chrono_literals;

std::string ParentTest::url_of(const std::string& branch, const std::string& database) const {
  const std::string url = velo->url(branch);
  return url.substr(0, url.rfind('/') + 1) + database;
}

Sql ParentTest::sql_in(const std::string& branch, const std::string& database) const {
  Sql sql(url_of(branch, database));
  EXPECT_TRUE(sql.connected()) << branch << ": " << sql.error();
  return sql;
}

fs::path ParentTest::volume_of(const std::string& branch) const {
  return velo->data_directory(branch).parent_path();
}

OsUser ParentTest::owner() const {
  if (!in_container()) return server_user();
  constexpr unsigned user_of_images = 70;
  return {.uid = user_of_images, .gid = user_of_images, .name = "postgres", .home = {}};
}

void ParentTest::make_directory(const fs::path& path, const OsUser& user) {
  fs::create_directory(path);
  if (running_as_root()) {
    ASSERT_EQ(::chown(path.c_str(), user.uid, user.gid), 0);
  }
  fs::permissions(path, fs::perms::owner_all);
}

fs::path ParentTest::tool(const std::string& name) {
  return fs::path("/usr/lib/postgresql") / std::to_string(major) / "bin" / name;
}

std::string ParentTest::run_as_server(const std::vector<std::string>& argv) {
  const Cancellation never;
  const auto user = running_as_root() ? std::optional(server_user()) : std::nullopt;
  const auto ran = velo::run(
      {.argv = argv, .environment = clean_environment(), .user = user, .input = {}}, 3min, never);
  if (!ran) {
    ADD_FAILURE() << ran.error().message;
    return {};
  }
  EXPECT_EQ(ran->exit_status, 0) << argv.front() << ": " << ran->out << ran->err;
  return ran->out;
}

}  // namespace velo::test

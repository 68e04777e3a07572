// An ordinary user beside root, on a machine where tests may put the mount helper, its list of
// places and a line for sudo where they belong: only where VELO_TEST_MAY_INSTALL says so.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/os_user.h"
#include "base/process.h"
#include "support/velo.h"

namespace velo::test {

/// `velo` is root's; `home` holds the user's own VELO_HOME. Nothing is installed before a test, nor
/// after it.
class ZfsUserTest : public E2eTest {
 protected:
  void SetUp() override;
  void TearDown() override;

  static void remove_what_is_installed();

  /// Without groups but the user's own.
  Outcome as_user(const std::vector<std::string>& argv, const std::string& input = {},
                  const std::vector<std::string>& more_environment = {}) const;
  /// In a new login: with all of the user's groups.
  Outcome in_new_login(const std::vector<std::string>& argv) const;
  /// The command line of the user's velo.
  static std::vector<std::string> velo_words(const std::string& line);

  OsUser user;
  std::string place;
  std::unique_ptr<TempDirectory> home;

 private:
  std::vector<std::string> environment() const;
};

}  // namespace velo::test

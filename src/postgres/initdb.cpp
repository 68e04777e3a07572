#include "postgres/initdb.h"

#include <clocale>
#include <optional>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "postgres/hba.h"

namespace velo::postgres {
namespace {

constexpr std::chrono::seconds initdb_patience{180};
constexpr int first_major_with_builtin_locales = 17;
constexpr std::size_t shown_lines = 10;

/// Whether the C library has C.UTF-8: some older distributions do not.
bool has_c_utf8() {
  locale_t locale = ::newlocale(LC_ALL_MASK, "C.UTF-8", nullptr);
  if (locale == nullptr) return false;
  ::freelocale(locale);
  return true;
}

std::vector<std::string> arguments(const Build& build, const fs::path& pgdata) {
  std::vector<std::string> argv = {(build.bin / "initdb").string(), "-D", pgdata.string(), "-U",
                                   "postgres", "-E", "UTF8", "--data-checksums",
                                   "--auth-local=trust",
                                   // With this 13 too keeps passwords as scram-sha-256, not as md5.
                                   "--auth-host=scram-sha-256",
                                   // One syncfs at the end costs a tenth of initdb's own syncing.
                                   "--no-sync", has_c_utf8() ? "--locale=C.UTF-8" : "--locale=C"};
  if (build.major >= first_major_with_builtin_locales) {
    argv.insert(argv.end(), {"--locale-provider=builtin", "--builtin-locale=C.UTF-8"});
  }
  return argv;
}

/// Nobody but `postgres`, on the socket only: the first start makes the control role through it.
Result<void> close_for_first_start(const fs::path& pgdata) {
  TRY(write_file(pgdata / "pg_hba.conf", default_hba, 0600));
  TRY(close_gate(pgdata));
  const std::string closed = TRY(read_file(pgdata / "pg_hba.conf"));
  return write_file(pgdata / "pg_hba.conf", closed + "local  all  postgres  trust\n", 0600);
}

}  // namespace

Result<void> make_cluster(const Build& build, const fs::path& pgdata, const OsUser& owner,
                          const Settings& settings, const Cancellation& cancel) {
  const Outcome outcome = TRY(run({.argv = arguments(build, pgdata),
                                   .environment = clean_environment(),
                                   .user = running_as_root() ? std::optional(owner) : std::nullopt},
                                  initdb_patience, cancel));
  if (outcome.exit_status != 0) {
    return std::unexpected(
        Error{.code = Errc::server,
              .message = fmt::format("initdb of PostgreSQL {} failed", build.version),
              .hint = {},
              .detail = last_lines(outcome.err.empty() ? outcome.out : outcome.err, shown_lines)});
  }
  return adopt_cluster(pgdata, owner, settings);
}

Result<void> adopt_cluster(const fs::path& pgdata, const OsUser& owner, const Settings& settings) {
  const ActAs as_owner(owner);
  TRY(write_velo_conf(pgdata, settings));
  TRY(close_for_first_start(pgdata));
  return sync_file_system(pgdata);
}

}  // namespace velo::postgres

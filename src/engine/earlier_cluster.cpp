#include "engine/earlier_cluster.h"

#include <array>

#include "base/files.h"
#include "engine/marks.h"
#include "postgres/hba.h"
#include "postgres/settings.h"

namespace velo::engine {
namespace {

constexpr std::array changed{"pg_hba.conf", "postgresql.conf", "postgresql.auto.conf"};
constexpr auto complete = "complete";

/// As pg_hba.conf takes any role's name.
std::string quoted(const std::string& role) {
  std::string text = "\"";
  for (const char c : role) text += c == '"' ? std::string("\"\"") : std::string(1, c);
  return text + "\"";
}

}  // namespace

Result<void> keep_files(const Home& home, const std::string& incarnation_id,
                        const fs::path& pgdata) {
  const fs::path kept = home.imported_files(incarnation_id);
  TRY(ensure_directory(kept, 0700));
  for (const char* name : changed) {
    const auto text = read_file(pgdata / name);
    if (text) {
      TRY(write_file_durably(kept / name, *text, 0600));
    } else if (text.error().code != Errc::not_found) {
      return std::unexpected(text.error());
    }
  }
  return write_file_durably(kept / complete, "", 0600);
}

Result<void> prepare_taken_cluster(const fs::path& pgdata, const OsUser& owner,
                                   const std::string& superuser) {
  const ActAs as(owner);
  TRY(postgres::write_velo_conf(pgdata, {}));
  TRY(postgres::close_gate(pgdata));
  const std::string closed = TRY(read_file(pgdata / "pg_hba.conf"));
  TRY(write_file(pgdata / "pg_hba.conf",
                 fmt::format("{}local  all  {}  trust\n", closed, quoted(superuser)), 0600));
  return sync_file_system(pgdata);
}

Result<void> put_files_back(const Home& home, const std::string& incarnation_id,
                            const fs::path& pgdata, const OsUser& owner) {
  const fs::path kept = home.imported_files(incarnation_id);
  if (!path_exists(kept / complete)) return {};
  for (const char* name : changed) {
    const auto text = read_file(kept / name);
    if (!text) continue;
    const ActAs as(owner);
    TRY(write_file_durably(pgdata / name, *text, 0600));
  }
  const ActAs as(owner);
  TRY(remove_file(pgdata / "pg_hba.conf.open"));
  TRY(remove_file(pgdata / postgres::velo_conf));
  return forget_lives(pgdata.parent_path());
}

}  // namespace velo::engine

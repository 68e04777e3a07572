#include "engine/drift.h"

#include "base/text.h"

namespace velo::engine {
namespace {

constexpr int first_major_with_database_versions = 15;

/// Databases whose collation is of another version now, quoted for SQL, one a line.
constexpr auto changed_databases =
    "(SELECT string_agg(quote_ident(datname), E'\\n' ORDER BY datname) FROM pg_database"
    " WHERE datallowconn AND datcollversion IS NOT NULL"
    " AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid))";

/// One collation of each provider stands for all: they come with one library.
constexpr auto changed_providers =
    "(SELECT string_agg(format('%s from %s to %s', CASE collprovider WHEN 'i' THEN 'ICU' ELSE "
    "'the C library' END, collversion, coalesce(actual, 'none')), E'\\n' ORDER BY collprovider)"
    " FROM (SELECT DISTINCT ON (collprovider) collprovider, collversion,"
    " pg_collation_actual_version(oid) AS actual FROM pg_collation WHERE collversion IS NOT NULL"
    " ORDER BY collprovider, oid) AS c WHERE actual IS DISTINCT FROM collversion)";

std::string about_databases(std::string_view databases) {
  std::vector<std::string> names;
  std::string statements;
  for (const std::string_view name : split(databases, '\n')) {
    names.emplace_back(name);
    statements +=
        fmt::format(" REINDEX DATABASE {0}; ALTER DATABASE {0} REFRESH COLLATION VERSION;", name);
  }
  return fmt::format(
      "text in {} {} may sort differently than when its indexes were built: the collation's "
      "library "
      "was upgraded. This mends it, run in each:{}",
      names.size() == 1 ? "database" : "databases", join_words(names), statements);
}

std::string about_providers(std::string_view changes) {
  std::vector<std::string> words;
  for (const std::string_view change : split(changes, '\n')) words.emplace_back(change);
  return fmt::format(
      "the library behind collations was upgraded ({}): where columns or indexes name one of them, "
      "REINDEX DATABASE and then ALTER COLLATION … REFRESH VERSION",
      join_words(words));
}

}  // namespace

std::string drift_columns(int major) {
  // OID 10 is the bootstrap superuser, whatever it is called now (BOOTSTRAP_SUPERUSERID in
  // src/include/catalog/pg_authid.dat).
  return fmt::format(
      "(SELECT rolname FROM pg_roles WHERE oid = 10), "
      "current_setting('server_version'), {}, {}",
      major >= first_major_with_database_versions ? changed_databases : "NULL", changed_providers);
}

void note_drift(Engine& engine, BranchRecords& b, const postgres::Row& row, std::size_t first) {
  if (row.at(first)) b.branch.superuser = *row.at(first);
  const std::string& server = row.at(first + 1).value_or("");
  const std::string version = server.substr(0, server.find(' '));
  if (!version.empty() && version != b.incarnation.pg_version) {
    engine.observer().notice(fmt::format("{} was opened by PostgreSQL {} before, and is by {} now",
                                         b.full_name(), b.incarnation.pg_version, version));
    b.incarnation.pg_version = version;
  }
  const auto& databases = row.at(first + 2);
  const auto& providers = row.at(first + 3);
  const std::string present =
      databases || providers ? databases.value_or("") + "\n\n" + providers.value_or("") : "";
  if (present == b.incarnation.drift_told) return;
  b.incarnation.drift_told = present;
  if (databases) {
    engine.observer().warning(fmt::format("{}: {}", b.full_name(), about_databases(*databases)));
  }
  if (providers) {
    engine.observer().warning(fmt::format("{}: {}", b.full_name(), about_providers(*providers)));
  }
}

}  // namespace velo::engine

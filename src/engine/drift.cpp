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

/// One collation of each provider stands for all: they come with one library. To open a collation
/// of ICU's takes a new server tens of milliseconds.
constexpr auto changed_providers =
    "(SELECT string_agg(format('%s from %s to %s', CASE collprovider WHEN 'i' THEN 'ICU' ELSE "
    "'the C library' END, collversion, coalesce(actual, 'none')), E'\\n' ORDER BY collprovider)"
    " FROM (SELECT collprovider, collversion, pg_collation_actual_version(oid) AS actual"
    " FROM pg_collation WHERE oid IN (SELECT min(oid) FROM pg_collation"
    " WHERE collversion IS NOT NULL GROUP BY collprovider)) AS c"
    " WHERE actual IS DISTINCT FROM collversion)";
constexpr auto not_asked = "-";

/// What incarnation.drift_told holds.
struct Told {
  std::string databases;
  std::string providers;
};
constexpr std::string_view between = "\n\n";

Told told_in(const std::string& text) {
  const std::size_t at = text.find(between);
  if (at == std::string::npos) return {};
  return {.databases = text.substr(0, at), .providers = text.substr(at + between.size())};
}

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

std::string drift_columns(int major, AskProviders ask) {
  return fmt::format("{}, current_setting('server_version'), {}, {}", superuser_column,
                     major >= first_major_with_database_versions ? changed_databases : "NULL",
                     ask == AskProviders::yes ? changed_providers : fmt::format("'{}'", not_asked));
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
  const Told told = told_in(b.incarnation.drift_told);
  Told present{.databases = row.at(first + 2).value_or(""),
               .providers = row.at(first + 3).value_or("")};
  if (present.providers == not_asked) present.providers = told.providers;
  if (!present.databases.empty() && present.databases != told.databases) {
    engine.observer().warning(
        fmt::format("{}: {}", b.full_name(), about_databases(present.databases)));
  }
  if (!present.providers.empty() && present.providers != told.providers) {
    engine.observer().warning(
        fmt::format("{}: {}", b.full_name(), about_providers(present.providers)));
  }
  b.incarnation.drift_told = present.databases + std::string(between) + present.providers;
}

}  // namespace velo::engine

#include "engine/collations.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

constexpr auto query_patience = 60s;
/// pg_database.datcollversion came with 15; before, only collations in a database have a version.
constexpr int first_major_with_database_versions = 15;

}  // namespace

Result<void> report_collations(Engine& engine, const BranchRecords& b,
                               postgres::Connection& connection) {
  if (b.project.pg_major < first_major_with_database_versions) return {};
  const auto rows = TRY(connection.query(
      "SELECT datname, coalesce(datcollversion, 'none'),"
      " coalesce(pg_database_collation_actual_version(oid), 'none') FROM pg_database"
      " WHERE datallowconn"
      " AND datcollversion IS DISTINCT FROM pg_database_collation_actual_version(oid)",
      query_patience));
  for (const postgres::Row& row : rows) {
    const std::string database = row.at(0).value_or("");
    engine.observer().warning(fmt::format(
        "database {} of {} was made with version {} of its collation and now has {}: rebuild its "
        "indexes on text (REINDEX DATABASE {}), then ALTER DATABASE {} REFRESH COLLATION VERSION",
        database, b.full_name(), row.at(1).value_or(""), row.at(2).value_or(""),
        postgres::quote_identifier(database), postgres::quote_identifier(database)));
  }
  return {};
}

}  // namespace velo::engine

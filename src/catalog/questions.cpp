// Questions whose answers are few of many rows: what a command asks that concerns one branch, or
// none, costs no record of each of the others.
#include "catalog/rows.h"
#include "catalog/select.h"

namespace velo::catalog {

Result<std::vector<Incarnation>> Catalog::ending_incarnations() {
  return select<Incarnation>(
      fmt::format("SELECT {} FROM incarnation WHERE kept_until IS NOT NULL ORDER BY created_at, id",
                  incarnation_columns),
      {}, read_incarnation);
}

Result<std::vector<std::string>> Catalog::volumes_called(const std::string& name) {
  return select<std::string>(
      "SELECT volume FROM incarnation"
      " WHERE volume = ?1 OR substr(volume, 1, length(?1) + 1) = ?1 || '.'",
      [&](SQLite::Statement& s) { s.bind(1, name); },
      [](SQLite::Statement& row) { return row.getColumn(0).getString(); });
}

Result<std::vector<int>> Catalog::ports() {
  return select<int>("SELECT port FROM endpoint WHERE active = 1 ORDER BY port", {},
                     [](SQLite::Statement& row) { return row.getColumn(0).getInt(); });
}

Result<std::optional<Size>> Catalog::size_of(const std::string& incarnation_id) {
  return select_one<Size>(
      fmt::format("SELECT {} FROM size WHERE incarnation_id = ?", size_columns),
      [&](SQLite::Statement& s) { s.bind(1, incarnation_id); }, read_size);
}

}  // namespace velo::catalog

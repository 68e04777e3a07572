// Rows into records. Internal to this room.
#pragma once

#include "catalog/catalog.h"
#include "catalog/guarded.h"

namespace velo::catalog {

template <class Record>
Result<std::vector<Record>> Catalog::select(
    const std::string& sql, const std::function<void(SQLite::Statement&)>& bind_values,
    Record (*read)(SQLite::Statement&)) {
  return guarded([&]() -> Result<std::vector<Record>> {
    SQLite::Statement statement(*database_, sql);
    if (bind_values) bind_values(statement);
    std::vector<Record> records;
    while (statement.executeStep()) records.push_back(read(statement));
    return records;
  });
}

template <class Record>
Result<std::optional<Record>> Catalog::select_one(
    const std::string& sql, const std::function<void(SQLite::Statement&)>& bind_values,
    Record (*read)(SQLite::Statement&)) {
  std::vector<Record> records = TRY(select<Record>(sql, bind_values, read));
  if (records.empty()) return std::nullopt;
  return std::move(records.front());
}

}  // namespace velo::catalog

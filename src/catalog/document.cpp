#include "catalog/document.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/time.h"
#include "catalog/guarded.h"
#include "catalog/schema.h"

namespace velo::catalog {
namespace {

using Json = nlohmann::ordered_json;

constexpr int document_version = 1;
/// In an order in which each row's foreign keys point at rows that are there.
constexpr std::array tables{"setting",     "project",  "branch",  "endpoint",
                            "incarnation", "snapshot", "schedule"};

Json value_of(const SQLite::Column& column) {
  if (column.isNull()) return nullptr;
  if (column.isInteger()) return column.getInt64();
  return column.getString();
}

Json rows_of(SQLite::Database& database, const std::string& table) {
  Json rows = Json::array();
  SQLite::Statement query(database, fmt::format("SELECT * FROM {} ORDER BY 1", table));
  while (query.executeStep()) {
    Json row = Json::object();
    for (int i = 0; i < query.getColumnCount(); ++i) {
      row[query.getColumnName(i)] = value_of(query.getColumn(i));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

bool consists_of(const std::string& text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string::npos;
}

/// Ids and names become parts of paths.
bool is_sane(const std::string& column, const Json& value) {
  constexpr std::string_view id_letters = "0123456789abcdef";
  constexpr std::string_view name_letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
  constexpr std::size_t id_length = 16;
  constexpr std::size_t longest_name = 255;
  if (value.is_null() || value.is_number_integer()) return true;
  if (!value.is_string()) return false;
  const auto text = value.get<std::string>();
  if (text.find('\0') != std::string::npos) return false;
  if (column == "id" || column.ends_with("_id")) {
    return text.size() == id_length && consists_of(text, id_letters);
  }
  if (column == "name") return consists_of(text, name_letters) && text.size() <= longest_name;
  if (column == "volume") {
    return consists_of(text, std::string(name_letters) + ".") && !text.starts_with('.') &&
           text.size() <= longest_name;
  }
  return true;
}

std::unexpected<Error> wrong(const std::string& what) {
  return fail_with_hint(Errc::usage, "the document is no state that Velo exported: " + what,
                        "velo state export writes one");
}

Result<Json> parse(std::string_view text) {
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) return wrong("it is no JSON object");
  const auto version = document.find("velo_state");
  if (version == document.end() || !version->is_number_integer()) {
    return wrong("it has no velo_state");
  }
  const auto schema = document.find("schema_version");
  if (schema == document.end() || !schema->is_number_integer() || *schema < 1) {
    return wrong("it has no schema_version");
  }
  const int newest = static_cast<int>(migrations().size());
  if (*version > document_version || *schema > newest) {
    return fail_with_hint(
        Errc::state,
        fmt::format("the document has version {} and schema version {}, and this velo knows up to "
                    "{} and {}",
                    version->get<std::int64_t>(), schema->get<std::int64_t>(), document_version,
                    newest),
        "use the newer velo that wrote it");
  }
  const auto home = document.find("home_id");
  if (home == document.end() || !home->is_string() || !is_sane("home_id", *home)) {
    return wrong("it has no home_id");
  }
  return document;
}

Result<void> insert_row(SQLite::Database& database, const std::string& table, const Json& row) {
  if (!row.is_object()) return wrong(fmt::format("a row of {} is no object", table));
  std::string columns;
  std::string marks;
  for (const auto& [column, value] : row.items()) {
    // Names of columns are put into SQL below.
    if (!consists_of(column, "abcdefghijklmnopqrstuvwxyz_")) {
      return wrong(fmt::format("{} has no such column", table));
    }
    if (!is_sane(column, value)) {
      return wrong(fmt::format("{}.{} cannot be {}", table, column,
                               value.dump(-1, ' ', true, Json::error_handler_t::replace)));
    }
    columns += (columns.empty() ? "" : ", ") + column;
    marks += marks.empty() ? "?" : ", ?";
  }
  try {
    SQLite::Statement insert(database,
                             fmt::format("INSERT INTO {} ({}) VALUES ({})", table, columns, marks));
    int next = 1;
    for (const auto& item : row.items()) {
      const Json& value = item.value();
      if (value.is_null()) {
        insert.bind(next);
      } else if (value.is_number_integer()) {
        insert.bind(next, value.get<std::int64_t>());
      } else {
        insert.bind(next, value.get<std::string>());
      }
      ++next;
    }
    insert.exec();
  } catch (const SQLite::Exception& e) {
    if (e.getErrorCode() == SQLITE_FULL) return to_error(e);
    return wrong(fmt::format("a row of {}: {}", table, e.what()));
  }
  return {};
}

Result<void> fill(SQLite::Database& database, const Json& document) {
  const int version = document["schema_version"].get<int>();
  SQLite::Transaction transaction(database);
  database.exec("PRAGMA defer_foreign_keys = ON");
  for (int i = 0; i < version; ++i) {
    database.exec(std::string(migrations().at(static_cast<std::size_t>(i))));
  }
  database.exec(fmt::format("PRAGMA user_version = {}", version));
  SQLite::Statement home(database, "INSERT INTO meta (key, value) VALUES ('home_id', ?)");
  home.bind(1, document["home_id"].get<std::string>());
  home.exec();
  for (const char* table : tables) {
    const auto rows = document.find(table);
    if (rows == document.end()) continue;  // of a later schema version
    if (!rows->is_array()) return wrong(fmt::format("{} is no array", table));
    for (const Json& row : *rows) TRY(insert_row(database, table, row));
  }
  SQLite::Statement keys(database, "PRAGMA foreign_key_check");
  if (keys.executeStep()) {
    return wrong(fmt::format("a row of {} points at a row of {} that is not there",
                             keys.getColumn(0).getString(), keys.getColumn(2).getString()));
  }
  transaction.commit();
  return {};
}

}  // namespace

Result<std::string> export_document(const fs::path& path,
                                    const std::map<std::string, std::string>& more) {
  return guarded([&]() -> Result<std::string> {
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, 1000);
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    SQLite::Transaction one_moment(database);
    Json document;
    document["velo_state"] = document_version;
    document["schema_version"] = database.execAndGet("PRAGMA user_version").getInt();
    document["home_id"] =
        database.execAndGet("SELECT value FROM meta WHERE key = 'home_id'").getString();
    document["exported_at"] = to_rfc3339(now());
    for (const auto& [key, text] : more) document[key] = text;
    for (const char* table : tables) document[table] = rows_of(database, table);
    return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  });
}

Result<DocumentHead> read_head(std::string_view text) {
  const Json document = TRY(parse(text));
  DocumentHead head{.schema_version = document["schema_version"].get<int>(),
                    .home_id = document["home_id"].get<std::string>(),
                    .more = {}};
  for (const auto& [key, value] : document.items()) {
    if (value.is_string()) head.more[key] = value.get<std::string>();
  }
  return head;
}

Result<void> import_document(std::string_view text, const fs::path& path) {
  const Json document = TRY(parse(text));
  TRY(open_file(path, O_RDWR | O_CREAT | O_EXCL, 0600));
  return guarded([&]() -> Result<void> {
    SQLite::Database database(path.string(), SQLite::OPEN_READWRITE, 1000);
    database.exec("PRAGMA foreign_keys = ON");
    return fill(database, document);
  });
}

}  // namespace velo::catalog

// The catalog as a JSON document that can be kept, read and edited: `velo state export` and import.
//
//   {"velo_state": 1, "schema_version": 5, "home_id": "…", "exported_at": "…",
//    "project": [{"id": "…", "name": "demo", …}], "branch": […], …}
//
// A member for each table, an object for each row, a key for each column as schema/*.sql explains
// it. What is a cache is left out, and so is the journal: an operation that is not finished can be
// finished nowhere else. It holds no passwords, as the catalog holds none.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::catalog {

/// `more`: further members of strings, for whoever reads it.
Result<std::string> export_document(const std::filesystem::path& database,
                                    const std::map<std::string, std::string>& more);

/// What stands in a document beside the rows.
struct DocumentHead {
  int schema_version = 0;
  std::string home_id;
  std::map<std::string, std::string> more;  ///< all its members that are strings
};
/// Errc::usage when it is none, Errc::state when a newer Velo wrote it.
Result<DocumentHead> read_head(std::string_view text);

/// Makes a database of the document's own schema version at `path`, where nothing is. Rows that
/// could not be this program's (an id that is none, a name that leads out of its directory, a
/// column that there is not, a row that points nowhere) are errors, Errc::usage, that name them.
Result<void> import_document(std::string_view text, const std::filesystem::path& path);

}  // namespace velo::catalog

// SQLite's exceptions end here: nothing above the catalog knows of them.
#pragma once

#include <SQLiteCpp/SQLiteCpp.h>
#include <sqlite3.h>

#include <string>

#include "base/error.h"

namespace velo::catalog {

/// Errc::no_space, Errc::permission, Errc::in_use, Errc::already_exists, else Errc::state.
std::unexpected<Error> to_error(const SQLite::Exception& e);

/// Errc::state, with the way back as the hint.
std::unexpected<Error> damaged(std::string message);

/// What `work` returns, with SQLite's exceptions turned into errors.
template <class Work>
auto guarded(Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const SQLite::Exception& e) {
    return to_error(e);
  }
}

}  // namespace velo::catalog

// What changed in and under a cluster since it was last opened: the superuser's name, the server's
// minor version, and the libraries whose sort order its indexes were built with.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "postgres/connection.h"

namespace velo::engine {

/// The bootstrap superuser, whatever it is called now (OID 10 is BOOTSTRAP_SUPERUSERID in
/// src/include/catalog/pg_authid.dat), for a SELECT.
constexpr std::string_view superuser_column = "(SELECT rolname FROM pg_authid WHERE oid = 10)";

/// Columns for a SELECT on the control connection, to be given to note_drift().
///
/// PostgreSQL records the version of the library behind a database's collation (pg_database's
/// datcollversion, 15+) and behind each collation object (pg_collation.collversion); after an
/// upgrade of ICU or the C library they differ, and indexes on text may be out of order.
///
/// What stands behind collation objects takes long to ask of a server that has just started, so a
/// branch's first start, for which somebody waits, leaves it to later ones.
enum class AskProviders { yes, no };
std::string drift_columns(int major, AskProviders ask);
constexpr std::size_t drift_column_count = 4;

/// Takes the row's fields from `first` on. Records the present name and version in `branch`, and
/// tells what is different about version and libraries: each difference once, for
/// `incarnation.drift_told` remembers it. The caller writes branch and incarnation into the
/// catalog.
void note_drift(Engine& engine, BranchRecords& branch, const postgres::Row& row, std::size_t first);

}  // namespace velo::engine

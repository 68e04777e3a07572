// Whether a cluster's text is sorted as it was when its indexes were made.
#pragma once

#include "base/error.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "postgres/connection.h"

namespace velo::engine {

/// Warns of each database whose collations another library serves than recorded (another ICU or C
/// library in the same image's name): indexes on text may then be out of order. For starts on
/// another build than the cluster was made with.
Result<void> report_collations(Engine& engine, const BranchRecords& branch,
                               postgres::Connection& connection);

}  // namespace velo::engine

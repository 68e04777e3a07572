// Passwords: derived, never stored.
#pragma once

#include <string>

#include "base/error.h"
#include "engine/engine.h"
#include "engine/records.h"
#include "engine/views.h"

namespace velo::engine {

/// 32 hex digits of HMAC-SHA-256(key, branch id and rotation counter): different for every branch,
/// the same for all of its incarnations, safe in a URL.
Result<std::string> password_of(const Home& home, const catalog::Branch& branch);

Result<ConnectionView> connection_view(Engine& engine, const BranchRecords& branch);

}  // namespace velo::engine

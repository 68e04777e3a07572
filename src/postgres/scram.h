// SCRAM-SHA-256 verifiers (RFC 5803 as PostgreSQL stores them, src/common/scram-common.c), so that
// a password never travels to a server or into its log.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace velo::postgres {

/// "SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>" for an ASCII password (no SASLprep is done).
Result<std::string> scram_verifier(std::string_view password);
/// The same with a given raw salt and iteration count; for tests.
Result<std::string> scram_verifier(std::string_view password, std::string_view salt,
                                   int iterations);

}  // namespace velo::postgres

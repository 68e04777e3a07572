#include "postgres/scram.h"

#include "base/crypto.h"

namespace velo::postgres {
namespace {

// PostgreSQL's defaults (src/include/common/scram-common.h).
constexpr int default_iterations = 4096;
constexpr std::size_t default_salt_size = 16;

}  // namespace

Result<std::string> scram_verifier(std::string_view password) {
  const std::string salt = TRY(random_bytes(default_salt_size));
  return scram_verifier(password, salt, default_iterations);
}

Result<std::string> scram_verifier(std::string_view password, std::string_view salt,
                                   int iterations) {
  const std::string salted = TRY(pbkdf2_sha256(password, salt, iterations));
  const std::string client_key = TRY(hmac_sha256(salted, "Client Key"));
  const std::string stored_key = TRY(sha256(client_key));
  const std::string server_key = TRY(hmac_sha256(salted, "Server Key"));
  return fmt::format("SCRAM-SHA-256${}:{}${}:{}", iterations, to_base64(salt),
                     to_base64(stored_key), to_base64(server_key));
}

}  // namespace velo::postgres

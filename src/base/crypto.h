// Random ids, key derivation, and the two hashes that Velo needs; OpenSSL does the work.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace velo {

/// `bytes` random bytes from the operating system.
Result<std::string> random_bytes(std::size_t bytes);
/// A fresh identity: 16 lower-case hex digits (64 random bits). Never changes, never reused.
Result<std::string> random_id();

/// Raw 32-byte digests.
Result<std::string> sha256(std::string_view data);
Result<std::string> hmac_sha256(std::string_view key, std::string_view data);
/// PBKDF2-HMAC-SHA-256, 32 bytes.
Result<std::string> pbkdf2_sha256(std::string_view secret, std::string_view salt, int iterations);

std::string to_hex(std::string_view bytes);
/// Standard alphabet, with padding.
std::string to_base64(std::string_view bytes);

}  // namespace velo

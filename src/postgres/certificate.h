// Self-signed TLS certificates for servers on this machine.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/time.h"

namespace velo::postgres {

struct Certificate {
  std::string certificate_pem;
  std::string key_pem;  ///< EC P-256, PKCS#8, not encrypted
};

/// Valid from an hour ago for ten years or as given, for localhost, 127.0.0.1 and ::1, CN =
/// `common_name` (cut to 64 bytes, X.509's limit).
Result<Certificate> make_certificate(const std::string& common_name,
                                     std::chrono::days valid_for = std::chrono::days(3652));

/// Until when a certificate is valid; Errc::failed for what is none.
Result<Timestamp> expiry_of(const std::string& certificate_pem);

}  // namespace velo::postgres

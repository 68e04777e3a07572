// Self-signed TLS certificates for servers on this machine.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace velo::postgres {

struct Certificate {
  std::string certificate_pem;
  std::string key_pem;  ///< EC P-256, PKCS#8, not encrypted
};

/// Valid from an hour ago for ten years, for localhost, 127.0.0.1 and ::1, CN = `common_name` (cut
/// to 64 bytes, X.509's limit).
Result<Certificate> make_certificate(const std::string& common_name);

}  // namespace velo::postgres

// Taking secrets out of text that people pass on: what `velo doctor --json` says goes into bug
// reports.
#pragma once

#include <string>
#include <string_view>

namespace velo {

/// The text with *** for the passwords in URLs (scheme://user:password@…), for the values of
/// `password=…` and its like, and for PEM blocks of private keys.
std::string without_secrets(std::string_view text);

}  // namespace velo

// What listens on this machine.
#pragma once

#include <set>
#include <string>

namespace velo::test {

/// The local addresses that something listens on at this port, as /proc/net/tcp{,6} writes them:
/// "0100007F" is 127.0.0.1.
std::set<std::string> listening_addresses(int port);

}  // namespace velo::test

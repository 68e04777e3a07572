// Who listens on which TCP port of this machine, from /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace velo::engine {

struct Listener {
  std::string address;  ///< "127.0.0.1", "0.0.0.0"; of IPv6 "::" for all, else "" (no branch's)
  int port = 0;
  std::uint64_t inode = 0;  ///< of its socket
};

/// The listening sockets in the text of /proc/net/tcp or tcp6 (proc(5)).
std::vector<Listener> parse_listeners(std::string_view text);
/// Of this network namespace.
std::vector<Listener> listeners();

/// The one that a server on this address and port would meet.
const Listener* listener_on(const std::vector<Listener>& all, std::string_view address, int port);

/// Whether the process has this socket open; false too where one may not look.
bool holds_socket(pid_t pid, std::uint64_t inode);
/// "nginx (pid 4711)", or "another program" where that cannot be told. Looks at every process.
std::string name_of_holder(std::uint64_t inode);

}  // namespace velo::engine

#include "runtime/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "base/fd.h"

namespace velo::runtime {

Result<void> check_port(const std::string& address, int port) {
  const Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  if (::inet_pton(AF_INET, address.c_str(), &name.sin_addr) != 1)
    return {};  // the server will tell
  if (::bind(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) return {};
  if (errno != EADDRINUSE) {
    return fail_errno(errno, fmt::format("listen on {} port {}", address, port));
  }
  return fail_with_hint(
      Errc::in_use, fmt::format("port {} of {} is in use by another program", port, address),
      fmt::format("find it with: ss -ltnp 'sport = :{}'; end it, then start again", port));
}

}  // namespace velo::runtime

#include "runtime/port.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <charconv>

#include "base/files.h"

namespace velo::runtime {

namespace {

/// Ports below it take a right that servers' users do not have (ip(7)).
int first_open_port() {
  constexpr int usual = 1024;
  const auto text = read_file("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  int port = usual;
  if (text) std::from_chars(text->data(), text->data() + text->size(), port);
  return port;
}

Fd tcp_socket() {
  return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

void allow_reuse(const Fd& socket) {
  const int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

/// 0, or the errno of bind(2).
int bind_to(const Fd& socket, in_addr address, int port) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(static_cast<uint16_t>(port));
  name.sin_addr = address;
  const int done = ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name);
  return done == 0 ? 0 : errno;
}

/// 0, or the errno of bind(2). An address that cannot be read is left to the server.
int try_to_bind(const std::string& address, int port) {
  const Fd probe = tcp_socket();
  if (!probe) return errno;
  allow_reuse(probe);
  in_addr read{};
  if (::inet_pton(AF_INET, address.c_str(), &read) != 1) return 0;
  return bind_to(probe, read, port);
}

}  // namespace

Result<void> check_port(const std::string& address, int port) {
  const int err = try_to_bind(address, port);
  // Whoever listens in the end may have rights that this process lacks.
  if (err == 0 || err == EACCES) return {};
  if (err != EADDRINUSE) return fail_errno(err, fmt::format("listen on {} port {}", address, port));
  return fail_with_hint(
      Errc::in_use, fmt::format("port {} of {} is in use by another program", port, address),
      fmt::format("find it with: ss -ltnp 'sport = :{}'; end it, then start again", port));
}

Result<std::optional<Fd>> hold_port(int port) {
  Fd held = tcp_socket();
  if (!held) return fail_errno(errno, "make a socket");
  const int err = bind_to(held, {.s_addr = htonl(INADDR_ANY)}, port);
  if (err == EADDRINUSE) return std::nullopt;
  if (err != 0) return fail_errno(err, fmt::format("hold port {}", port));
  allow_reuse(held);
  return std::optional<Fd>(std::move(held));
}

Result<void> check_address_is_here(const std::string& address) {
  if (try_to_bind(address, 0) != EADDRNOTAVAIL) return {};
  return fail_with_hint(Errc::usage, fmt::format("this machine has no address {}", address),
                        "ip -brief address lists those it has; 0.0.0.0 is all of them");
}

Result<void> check_right_to_port(int port, const OsUser& owner) {
  const int first = first_open_port();
  if (port >= first || owner.uid == 0) return {};
  if (!running_as_root() && try_to_bind("127.0.0.1", port) != EACCES) return {};
  return fail_with_hint(
      Errc::permission,
      fmt::format("the port {} is root's: servers run as {}, which may not listen there", port,
                  owner.name),
      fmt::format("choose one from {} on, or leave --port out", first));
}

}  // namespace velo::runtime

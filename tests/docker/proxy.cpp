#include "proxy.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace velo::test {
namespace {

sockaddr_un name_of(const std::filesystem::path& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.string().copy(name.sun_path, sizeof name.sun_path - 1);
  return name;
}

/// False at the end of the stream.
bool move_some(int from, std::string& into) {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::read(from, buffer.data(), buffer.size());
  if (got <= 0) return false;
  into.assign(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

bool write_all(int to, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::send(to, text.data(), text.size(), MSG_NOSIGNAL);
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

}  // namespace

Proxy::Proxy(std::filesystem::path socket, std::filesystem::path daemon)
    : socket_(std::move(socket)), daemon_(std::move(daemon)) {
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un name = name_of(socket_);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0 ||
      ::listen(listener_, 16) != 0) {
    throw std::runtime_error("cannot listen on " + socket_.string());
  }
  server_ = std::thread([this] { serve(); });
}

Proxy::~Proxy() {
  ends_ = true;
  server_.join();
  ::close(listener_);
}

void Proxy::cut_at(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  cut_at_ = text;
}

void Proxy::mend() {
  const std::scoped_lock lock(mutex_);
  cut_at_.clear();
  cut_ = false;
}

int Proxy::requests(const std::string& text) {
  const std::scoped_lock lock(mutex_);
  return static_cast<int>(std::ranges::count_if(
      requests_, [&](const std::string& head) { return head.find(text) != std::string::npos; }));
}

bool Proxy::passes(std::string_view request) {
  const std::scoped_lock lock(mutex_);
  requests_.emplace_back(request.substr(0, request.find("\r\n\r\n")));
  if (!cut_at_.empty() && request.find(cut_at_) != std::string_view::npos) cut_ = true;
  return !cut_;
}

/// One client after the other: a command of Velo's has one connection at a time.
void Proxy::serve() {
  while (!ends_) {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 50) != 1) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    if (!cut_) pass(client);
    ::close(client);
  }
}

void Proxy::pass(int client) {
  const int daemon = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un name = name_of(daemon_);
  if (::connect(daemon, reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0) {
    std::string piece;
    while (!ends_) {
      std::array<pollfd, 2> both{{{.fd = client, .events = POLLIN, .revents = 0},
                                  {.fd = daemon, .events = POLLIN, .revents = 0}}};
      if (::poll(both.data(), both.size(), 50) <= 0) continue;
      if (both[0].revents != 0 &&
          (!move_some(client, piece) || !passes(piece) || !write_all(daemon, piece))) {
        break;
      }
      if (both[1].revents != 0 && (!move_some(daemon, piece) || !write_all(client, piece))) break;
    }
  }
  ::close(daemon);
}

}  // namespace velo::test

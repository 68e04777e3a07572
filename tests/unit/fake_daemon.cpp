#include "fake_daemon.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>

namespace velo::test {

FakeDaemon::FakeDaemon(std::string headers) : headers_(std::move(headers)) {
  const std::string path = (directory_.path() / "socket").string();
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path.copy(name.sun_path, sizeof name.sun_path - 1);
  EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  EXPECT_EQ(::listen(listener_, 4), 0);
  ::setenv("DOCKER_HOST", ("unix://" + path).c_str(), 1);
  server_ = std::thread([this] { serve(); });
}

FakeDaemon::~FakeDaemon() {
  {
    const std::scoped_lock lock(mutex_);
    ends_ = true;
  }
  server_.join();
  ::close(listener_);
  ::unsetenv("DOCKER_HOST");
}

void FakeDaemon::answer(const std::string& text, int status, const std::string& body) {
  const std::scoped_lock lock(mutex_);
  answers_.push_back({.text = text, .status = status, .body = body});
}

std::vector<std::string> FakeDaemon::requests() {
  const std::scoped_lock lock(mutex_);
  return requests_;
}

/// One connection for each request: "Connection: close".
void FakeDaemon::serve() {
  for (;;) {
    {
      const std::scoped_lock lock(mutex_);
      if (ends_) return;
    }
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    if (::poll(&waiting, 1, 20) != 1) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    std::string request;
    std::array<char, 65536> buffer{};
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::read(client, buffer.data(), buffer.size());
      if (got <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(got));
    }
    const std::string response = respond(request);
    (void)::send(client, response.data(), response.size(), MSG_NOSIGNAL);
    ::close(client);
  }
}

std::string FakeDaemon::respond(const std::string& request) {
  const std::scoped_lock lock(mutex_);
  requests_.push_back(request);
  const std::string line = request.substr(0, request.find("\r\n"));
  Answer found{.text = {}, .status = 404, .body = R"({"message":"no such thing"})"};
  if (line.find("/_ping") != std::string::npos) found = {.text = {}, .status = 200, .body = "OK"};
  for (const Answer& answer : answers_) {
    if (line.find(answer.text) == std::string::npos) continue;
    found = answer;
    break;
  }
  return "HTTP/1.1 " + std::to_string(found.status) + " so\r\nApi-Version: 1.43\r\n" + headers_ +
         "Connection: close\r\nContent-Length: " + std::to_string(found.body.size()) + "\r\n\r\n" +
         found.body;
}

}  // namespace velo::test

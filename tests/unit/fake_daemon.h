// A Docker daemon as far as a client can tell: canned answers over a Unix socket.
#pragma once

#include <filesystem>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "support/environment.h"

namespace velo::test {

class FakeDaemon {
 public:
  /// Listens, and is what DOCKER_HOST names while it lives. `headers`: more of them for each
  /// answer, each with its "\r\n".
  explicit FakeDaemon(std::string headers = {});
  FakeDaemon(const FakeDaemon&) = delete;
  FakeDaemon& operator=(const FakeDaemon&) = delete;
  FakeDaemon(FakeDaemon&&) = delete;
  FakeDaemon& operator=(FakeDaemon&&) = delete;
  ~FakeDaemon();

  /// What a request whose first line contains `text` is answered with; the first that fits counts,
  /// 404 when none does. `body`: JSON, or several lines of it.
  void answer(const std::string& text, int status, const std::string& body);
  /// The head and body of all requests so far.
  std::vector<std::string> requests();

 private:
  struct Answer {
    std::string text;
    int status = 200;
    std::string body;
  };
  void serve();
  std::string respond(const std::string& request);

  TempDirectory directory_;
  std::string headers_;
  int listener_ = -1;
  bool ends_ = false;
  std::mutex mutex_;
  std::vector<Answer> answers_;
  std::vector<std::string> requests_;
  std::thread server_;
};

}  // namespace velo::test

// A way to the tests' Docker daemon that can be cut at any moment: what a daemon that goes away
// looks like to whoever talks to it.
#pragma once

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace velo::test {

class Proxy {
 public:
  /// Listens on `socket` and passes everything to the Unix socket `daemon`.
  Proxy(std::filesystem::path socket, std::filesystem::path daemon);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  Proxy(Proxy&&) = delete;
  Proxy& operator=(Proxy&&) = delete;
  ~Proxy();

  std::string endpoint() const { return "unix://" + socket_.string(); }
  /// From the first request that contains `text` on, nobody answers any more; that one is not
  /// passed on.
  void cut_at(const std::string& text);
  /// Answers again.
  void mend();
  bool is_cut() const { return cut_; }
  /// How many requests with `text` in their head there were.
  int requests(const std::string& text);

 private:
  void serve();
  void pass(int client);
  bool passes(std::string_view request);

  std::filesystem::path socket_;
  std::filesystem::path daemon_;
  int listener_ = -1;
  std::atomic<bool> cut_{false};
  std::atomic<bool> ends_{false};
  std::mutex mutex_;
  std::string cut_at_;
  std::vector<std::string> requests_;
  std::thread server_;
};

}  // namespace velo::test

#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/time.h"
#include "support/velo.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Terminal::Terminal(const std::vector<std::string>& argv,
                   const std::vector<std::string>& environment) {
  const auto arguments = pointers_to(argv);
  const auto variables = pointers_to(environment);
  const winsize size{.ws_row = 50, .ws_col = 120, .ws_xpixel = 0, .ws_ypixel = 0};
  pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
  if (pid_ == 0) {
    ::execve(arguments[0], arguments.data(), variables.data());
    ::_exit(127);
  }
  // Until then a Ctrl-C reaches nobody.
  const Deadline deadline(10s);
  while (::tcgetpgrp(master_) != pid_ && !has_ended() && !deadline.passed()) {
    ::poll(nullptr, 0, 1);
  }
}

Terminal::~Terminal() {
  hang_up();
  if (pid_ > 0 && !status_) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
}

bool Terminal::read_some(int patience_ms) {
  pollfd readable{master_, POLLIN, 0};
  if (::poll(&readable, 1, patience_ms) <= 0) return true;
  std::array<char, 4096> buffer{};
  const ssize_t n = ::read(master_, buffer.data(), buffer.size());
  if (n > 0) screen_.append(buffer.data(), static_cast<std::size_t>(n));
  return n > 0 || (n < 0 && errno == EINTR);  // EIO: nobody has the other end open any more
}

bool Terminal::shows(const std::string& text) {
  const Deadline deadline(60s);
  while (screen_.find(text) == std::string::npos) {
    if (deadline.passed() || !read_some()) return screen_.find(text) != std::string::npos;
  }
  return true;
}

void Terminal::type(const std::string& text) {
  EXPECT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

void Terminal::signal(int number) {
  if (number == SIGINT) {
    type("\x03");
  } else {
    ::kill(pid_, number);
  }
}

bool Terminal::has_ended() {
  if (status_) return true;
  int status = 0;
  if (master_ >= 0) read_some(0);
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return false;
  status_ = status;
  return true;
}

termios Terminal::settings() const {
  termios found{};
  EXPECT_EQ(::tcgetattr(master_, &found), 0);
  return found;
}

void Terminal::hang_up() {
  if (master_ >= 0) ::close(master_);
  master_ = -1;
}

int Terminal::wait() {
  const Deadline deadline(120s);
  while (!has_ended()) {
    if (master_ < 0 || !read_some()) ::poll(nullptr, 0, 10);
    if (deadline.passed()) {
      ADD_FAILURE() << "did not end:\n" << screen_;
      return -1;
    }
  }
  // What it said last; another process may still have the terminal open.
  while (master_ >= 0) {
    const std::size_t before = screen_.size();
    if (!read_some(0) || screen_.size() == before) break;
  }
  return WIFEXITED(*status_) ? WEXITSTATUS(*status_) : 128 + WTERMSIG(*status_);
}

}  // namespace velo::test

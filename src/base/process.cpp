#include "base/process.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "base/files.h"
#include "base/text.h"
#include "base/time.h"

namespace velo {
namespace {

// glibc 2.36's <sys/pidfd.h> has no extern "C", so the calls are made directly.
int pidfd_open(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
int pidfd_send_signal(int pidfd, int number) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0));
}

struct Pipe {
  Fd read;
  Fd write;
};

Result<Pipe> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "make a pipe");
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

/// Like a pipe, but writing to a child that has stopped reading raises no SIGPIPE.
Result<Pipe> make_socket_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail_errno(errno, "make a pair of sockets");
  }
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

std::vector<char*> pointers_to(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& s : strings) pointers.push_back(const_cast<char*>(s.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// setgroups(2), setresgid(2) and setresuid(2) of this process alone: glibc's would have all
/// threads of the memory that it shares do the same (nptl(7)).
bool switch_to(const OsUser& user) {
  return ::syscall(SYS_setgroups, 0, nullptr) == 0 &&
         ::syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         ::syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

/// Between vfork and exec: only async-signal-safe calls, and nothing of the memory is changed.
/// Writes errno into `failed` on any error.
[[noreturn]] void become(const Command& command, char* const* argv, char* const* envp, int in,
                         int out, int err, int failed) {
  const auto give_up = [&] {
    const int reason = errno;
    if (::write(failed, &reason, sizeof reason) < 0) ::_exit(126);
    ::_exit(127);
  };
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    (void)::signal(number, SIG_DFL);
  if (::setsid() < 0) give_up();
  // 0, 1 and 2 may overlap with the descriptors given: move those out of the way first.
  const int in_copy = ::fcntl(in, F_DUPFD_CLOEXEC, 10);
  const int out_copy = ::fcntl(out, F_DUPFD_CLOEXEC, 10);
  const int err_copy = ::fcntl(err, F_DUPFD_CLOEXEC, 10);
  if (in_copy < 0 || out_copy < 0 || err_copy < 0) give_up();
  if (::dup2(in_copy, 0) < 0 || ::dup2(out_copy, 1) < 0 || ::dup2(err_copy, 2) < 0) give_up();
  if (command.user && ::geteuid() == 0 && !switch_to(*command.user)) give_up();
  ::umask(077);
  if (::chdir(command.directory.c_str()) != 0) give_up();
  // Nothing of ours beyond 0, 1, 2 and the error pipe, whoever forgot O_CLOEXEC.
  ::syscall(SYS_close_range, 3U, static_cast<unsigned>(failed) - 1, 0U);
  ::syscall(SYS_close_range, static_cast<unsigned>(failed) + 1, ~0U, 0U);
  ::execve(argv[0], argv, envp);
  give_up();
  ::_exit(127);
}

/// Returns once the exec has succeeded, or its error. By vfork(2), which makes no copy of the page
/// tables.
Result<pid_t> launch(const Command& command, int in, int out, int err) {
  Pipe failed = TRY(make_pipe());
  if (failed.write.get() <= 3) {  // close_range above needs room below it
    const int moved = ::fcntl(failed.write.get(), F_DUPFD_CLOEXEC, 10);
    if (moved < 0) return fail_errno(errno, "start a process");
    failed.write = Fd(moved);
  }
  const std::vector<char*> argv = pointers_to(command.argv);
  const std::vector<char*> envp = pointers_to(command.environment);
  const pid_t pid = ::vfork();
  if (pid < 0) return fail_errno(errno, fmt::format("start {}", command.argv.front()));
  if (pid == 0) become(command, argv.data(), envp.data(), in, out, err, failed.write.get());
  failed.write.reset();
  int reason = 0;
  ssize_t n = 0;
  do {
    n = ::read(failed.read.get(), &reason, sizeof reason);
  } while (n < 0 && errno == EINTR);
  if (n == 0) return pid;
  int status = 0;
  ::waitpid(pid, &status, 0);
  return fail_errno(reason, fmt::format("run {}", command.argv.front()));
}

int exit_status_of(int wait_status) {
  return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

/// Drains `from` into `text`; resets the descriptor at its end.
void drain(Fd& from, std::string& text) {
  std::array<char, 8192> buffer{};
  const ssize_t n = ::read(from.get(), buffer.data(), buffer.size());
  if (n > 0) text.append(buffer.data(), static_cast<size_t>(n));
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) from.reset();
}

/// Writes what the pipe takes of `rest`; resets the descriptor when all is written or the child
/// stopped reading.
void feed(Fd& to, std::string_view& rest) {
  const ssize_t n = ::send(to.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n > 0) rest.remove_prefix(static_cast<size_t>(n));
  if (rest.empty() || (n < 0 && errno != EINTR && errno != EAGAIN)) to.reset();
}

}  // namespace

std::vector<std::string> clean_environment() {
  const char* home = std::getenv("HOME");
  return {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
          fmt::format("HOME={}", home == nullptr ? "/" : home), "LANG=C.UTF-8"};
}

Result<Outcome> run(const Command& command, std::chrono::milliseconds patience,
                    const Cancellation& cancel) {
  Pipe in = TRY(make_socket_pair());
  Pipe out = TRY(make_pipe());
  Pipe err = TRY(make_pipe());
  const pid_t pid = TRY(launch(command, in.read.get(), out.write.get(), err.write.get()));
  in.read.reset();
  out.write.reset();
  err.write.reset();

  Outcome outcome;
  std::string_view rest = command.input;
  if (rest.empty()) in.write.reset();
  const Deadline deadline(patience);
  while (out.read || err.read) {
    if (cancel.requested() || deadline.passed()) {
      ::kill(-pid, SIGKILL);
      ::waitpid(pid, nullptr, 0);
      TRY(cancel.check());
      return fail(Errc::failed, "{} did not end within {} s", command.argv.front(),
                  patience.count() / 1000);
    }
    std::array<pollfd, 3> polls{pollfd{out.read.get(), POLLIN, 0},
                                pollfd{err.read.get(), POLLIN, 0},
                                pollfd{in.write.get(), POLLOUT, 0}};
    if (::poll(polls.data(), polls.size(), 50) <= 0) continue;
    if (polls[0].revents != 0) drain(out.read, outcome.out);
    if (polls[1].revents != 0) drain(err.read, outcome.err);
    if (polls[2].revents != 0) feed(in.write, rest);
  }
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.exit_status = exit_status_of(status);
  return outcome;
}

Result<Process> Process::watch(pid_t pid) {
  Fd pidfd(pidfd_open(pid));
  if (!pidfd) {
    if (errno == ESRCH) return fail(Errc::not_found, "no process has the pid {}", pid);
    return fail_errno(errno, fmt::format("watch the process {}", pid));
  }
  return Process(pid, std::move(pidfd));
}

Result<bool> Process::wait(std::chrono::microseconds patience) const {
  const Deadline deadline(patience);
  for (;;) {
    pollfd waiting{pidfd_.get(), POLLIN, 0};
    const auto left = deadline.left_exactly();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
    const timespec time{.tv_sec = seconds.count(), .tv_nsec = (left - seconds).count()};
    const int ready = ::ppoll(&waiting, 1, &time, nullptr);
    if (ready > 0) {
      ::waitpid(pid_, nullptr, WNOHANG);  // reaps a child; says ECHILD for any other
      return true;
    }
    if (ready < 0 && errno != EINTR) return fail_errno(errno, "wait for a process");
    if (deadline.passed()) return false;
  }
}

Result<void> Process::signal(int number) const {
  if (pidfd_send_signal(pidfd_.get(), number) == 0) return {};
  if (errno == ESRCH) return fail(Errc::not_found, "the process {} has ended", pid_);
  return fail_errno(errno, fmt::format("signal the process {}", pid_));
}

Result<Process> start_detached(const Command& command, int output) {
  const Fd nothing = TRY(open_file("/dev/null", O_RDONLY));
  const pid_t pid = TRY(launch(command, nothing.get(), output, output));
  Fd pidfd(pidfd_open(pid));
  if (!pidfd) return fail_errno(errno, fmt::format("watch the process {}", pid));
  return Process(pid, std::move(pidfd));
}

bool runs_program(pid_t pid, const std::filesystem::path& program) {
  const std::string of = fmt::format("/proc/{}/", pid);
  struct stat running{};
  struct stat installed{};
  if (::stat((of + "exe").c_str(), &running) != 0 || ::stat(program.c_str(), &installed) != 0 ||
      running.st_dev != installed.st_dev || running.st_ino != installed.st_ino) {
    return false;
  }
  const auto maps = read_file(of + "maps");
  if (!maps || maps->empty()) return false;
  // "7f25300000-7f25400000 r-xp 00026000 fd:00 1234  /usr/lib/libc.so.6 (deleted)"
  constexpr std::string_view executable = "r-xp";
  return std::ranges::none_of(split(*maps, '\n'), [&](std::string_view line) {
    return line.ends_with(" (deleted)") && line.find(executable) != std::string_view::npos;
  });
}

}  // namespace velo

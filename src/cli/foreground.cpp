#include "cli/foreground.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/fd.h"

namespace velo::cli {
namespace {

constexpr std::array passed_on{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

/// Reads signals instead of being interrupted by them, for as long as it lives.
class SignalReader {
 public:
  static Result<SignalReader> open() {
    sigset_t wanted;
    sigemptyset(&wanted);
    for (const int number : passed_on) sigaddset(&wanted, number);
    sigaddset(&wanted, SIGCHLD);
    SignalReader reader;
    pthread_sigmask(SIG_BLOCK, &wanted, &reader.before_);
    reader.restores_ = true;
    reader.fd_ = Fd(::signalfd(-1, &wanted, SFD_CLOEXEC));
    if (!reader.fd_) return fail_errno(errno, "make a signalfd");
    return reader;
  }
  SignalReader(SignalReader&& other) noexcept
      : fd_(std::move(other.fd_)),
        before_(other.before_),
        restores_(std::exchange(other.restores_, false)) {}
  SignalReader& operator=(SignalReader&&) = delete;
  SignalReader(const SignalReader&) = delete;
  SignalReader& operator=(const SignalReader&) = delete;
  ~SignalReader() {
    if (restores_) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  const sigset_t& before() const { return before_; }

  /// The next one; nothing when the wait was disturbed.
  std::optional<signalfd_siginfo> next() const {
    signalfd_siginfo info{};
    if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
    return info;
  }

 private:
  SignalReader() = default;
  Fd fd_;
  sigset_t before_{};
  bool restores_ = false;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

/// Between fork and exec: only async-signal-safe calls.
[[noreturn]] void become(char* const* argv, char* const* environment, const sigset_t& mask,
                         pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(128 + SIGTERM);  // it was killed before that
  // Handlers go with exec by themselves; what is ignored would stay ignored.
  ::signal(SIGPIPE, SIG_DFL);
  ::sigprocmask(SIG_SETMASK, &mask, nullptr);
  ::execvpe(argv[0], argv, environment);
  constexpr int not_found = 127;
  constexpr int not_executable = 126;
  const int exit_code = errno == ENOENT ? not_found : not_executable;
  for (const char* text :
       {"velo: ", static_cast<const char*>(argv[0]), ": ", ::strerrordesc_np(errno), "\n"}) {
    if (::write(2, text, std::strlen(text)) < 0) break;
  }
  ::_exit(exit_code);
}

Result<pid_t> start(const Program& program, const sigset_t& mask) {
  const auto argv = pointers_to(program.argv);
  const auto environment = pointers_to(program.environment);
  const pid_t self = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return fail_errno(errno, "start " + program.argv.front());
  if (pid == 0) become(argv.data(), environment.data(), mask, self);
  return pid;
}

/// Reaps those that have ended; keeps the first failure's exit code in `exit_code`.
void reap_ended(std::vector<pid_t>& running, int& exit_code) {
  std::erase_if(running, [&](pid_t pid) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) != pid) return false;
    const int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (exit_code == 0) exit_code = code;
    return true;
  });
}

/// The terminal sends its signals to all of its foreground, and so to the programs too.
bool came_from_terminal(const signalfd_siginfo& info) {
  return info.ssi_code == SI_KERNEL;
}

}  // namespace

Result<int> run_in_foreground(const std::vector<Program>& programs,
                              const std::function<void()>& started) {
  const SignalReader signals = TRY(SignalReader::open());
  std::vector<pid_t> running;
  std::optional<Error> error;
  for (const Program& program : programs) {
    auto pid = start(program, signals.before());
    if (!pid) {
      error = std::move(pid).error();
      break;
    }
    running.push_back(*pid);
  }
  const auto tell_all = [&](int number) {
    for (const pid_t pid : running) ::kill(pid, number);
  };
  if (error) {
    tell_all(SIGTERM);
  } else {
    started();
  }
  int exit_code = 0;
  for (reap_ended(running, exit_code); !running.empty(); reap_ended(running, exit_code)) {
    const auto info = signals.next();
    if (!info || info->ssi_signo == SIGCHLD || came_from_terminal(*info)) continue;
    tell_all(static_cast<int>(info->ssi_signo));
  }
  if (error) return std::unexpected(*std::move(error));
  return exit_code;
}

}  // namespace velo::cli

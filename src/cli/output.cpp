#include "cli/output.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "base/signals_blocked.h"
#include "cli/signals.h"

namespace velo::cli {
namespace {

Stream::Sink descriptor_sink(int descriptor) {
  return [descriptor](std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return errno;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return 0;
  };
}

/// Called with all signals blocked; lets those in again for as long as it waits (`outside`). So one
/// that came since the question was written is not waited over.
Result<void> await_input(const sigset_t& outside) {
  pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
  while (received_signal() == 0) {
    if (::ppoll(&input, 1, nullptr, &outside) > 0) return {};
    if (errno != EINTR) return fail_errno(errno, "wait for the answer");
  }
  return fail(Errc::interrupted, "interrupted");
}

/// By read(2), byte by byte: a line for us must not swallow what a psql behind us should read.
Result<std::optional<std::string>> read_line() {
  const SignalsBlocked blocked;
  std::string line;
  while (true) {
    TRY(await_input(blocked.before()));
    char c = 0;
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail_errno(errno, "read the answer");
    if (got == 0) return std::nullopt;
    if (c == '\n') return line;
    line += c;
  }
}

}  // namespace

Output standard_output(const Variable& variable) {
  return {.out = Stream(descriptor_sink(STDOUT_FILENO), look_of(STDOUT_FILENO, variable)),
          .err = Stream(descriptor_sink(STDERR_FILENO), look_of(STDERR_FILENO, variable)),
          .input_is_terminal = ::isatty(STDIN_FILENO) == 1,
          .read_line = read_line};
}

void notice(Output& output, std::string_view text) {
  if (output.quiet) return;
  output.err.write(fmt::format("{} {}\n", paint("Notice:", Colour::cyan, output.err.look()), text));
}

}  // namespace velo::cli

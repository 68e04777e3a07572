#include "cli/signals.h"

#include <array>
#include <atomic>
#include <csignal>

namespace velo::cli {
namespace {

std::atomic<Cancellation*> cancellation{nullptr};
std::atomic<int> received{0};

void on_signal(int number) {
  received.store(number, std::memory_order_relaxed);
  if (Cancellation* cancel = cancellation.load(std::memory_order_relaxed)) cancel->request();
}

}  // namespace

void install_signal_handlers(Cancellation& cancel) {
  cancellation.store(&cancel);
  for (const int number : std::array{SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction before{};
    ::sigaction(number, nullptr, &before);
    if (number == SIGHUP && before.sa_handler == SIG_IGN) continue;
    struct sigaction action{};
    action.sa_handler = on_signal;
    // No SA_RESTART: waits return and look at the cancellation.
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    ::sigaction(number, &action, nullptr);
  }
  struct sigaction ignore{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, nullptr);
}

int received_signal() {
  return received.load(std::memory_order_relaxed);
}

}  // namespace velo::cli

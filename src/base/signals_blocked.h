// For threads that only help, whose signals go on to the thread that waits for them; and for one
// that looks at what a signal has said and then waits, with nothing in between.
#pragma once

#include <csignal>

namespace velo {

/// Blocks all signals for this thread, and for those that it starts meanwhile.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;
  SignalsBlocked(SignalsBlocked&&) = delete;
  SignalsBlocked& operator=(SignalsBlocked&&) = delete;
  /// What was blocked until then, for ppoll(2) and the like.
  const sigset_t& before() const { return before_; }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace velo

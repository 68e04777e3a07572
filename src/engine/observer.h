// How the engine tells what it is doing, to a terminal, a log or a future server.
#pragma once

#include <string_view>

#include "base/time.h"

namespace velo::engine {

/// Called from the thread that runs the use case. Texts are one line, without a full stop.
class Observer {
 public:
  Observer() = default;
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;
  Observer(Observer&&) = delete;
  Observer& operator=(Observer&&) = delete;
  virtual ~Observer() = default;

  /// The use case as a whole: "Creating demo/dev from demo/main". Before its first step.
  virtual void begin(std::string_view title) = 0;
  /// A step begins ("Checkpoint") and ends. A failed step has no end: the error follows.
  virtual void step_started(std::string_view name) = 0;
  virtual void step_finished(std::string_view name, Seconds took) = 0;
  /// How far the running step has come: "12 of at most 40 segments". Each replaces the one before.
  /// The only one that another thread may call.
  virtual void step_progress(std::string_view /*text*/) {}
  /// Worth knowing: unlogged tables are empty, a crashed operation was undone, waiting for a lock.
  virtual void notice(std::string_view text) = 0;
  /// Something is not as it should be, and the use case goes on.
  virtual void warning(std::string_view text) = 0;
};

}  // namespace velo::engine

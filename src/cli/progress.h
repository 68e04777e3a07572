// The steps of a command as they happen, with their times.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "cli/output.h"
#include "engine/observer.h"

namespace velo::cli {

/// At most five columns: "<1ms", "12ms", "0.1s", "12.3s", "2m05s", "1h02m".
std::string step_time(Seconds took);
/// "  ▸ Checkpoint                              0.1s": the time ends at column 48.
std::string step_line(std::string_view mark, std::string_view name, std::string_view time);

/// Writes to stderr: on a terminal the running step with a spinner, rewritten when it is done;
/// elsewhere a line for each step once it is done. --quiet leaves only warnings.
class Progress final : public engine::Observer {
 public:
  explicit Progress(Output& output);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  Progress(Progress&&) = delete;
  Progress& operator=(Progress&&) = delete;
  ~Progress() override;

  void begin(std::string_view title) override;
  void step_started(std::string_view name) override;
  void step_finished(std::string_view name, Seconds took) override;
  void step_progress(std::string_view text) override;
  void notice(std::string_view text) override;
  void warning(std::string_view text) override;

  /// The use case is over: "  ✓ Done  0.2s" below its steps and an empty line.
  void done();
  /// It failed: the step that was running is marked, so that it is clear where it ended.
  void abandon();

 private:
  struct Step {
    std::string name;
    Stopwatch watch;
    std::string progress = {};
  };
  void draw_locked();   ///< the running step, on a terminal
  void clear_locked();  ///< takes it away again
  void message(std::string_view label, Colour colour, std::string_view text);
  void spin(const std::stop_token& stop);

  Output& output_;
  std::mutex mutex_;  ///< the spinner draws from a thread of its own
  std::condition_variable_any changed_;
  std::vector<Step> running_;  ///< innermost last
  bool drawn_ = false;
  bool began_ = false;
  std::size_t frame_ = 0;
  Stopwatch watch_;
  std::jthread spinner_;
};

}  // namespace velo::cli

#include "cli/progress.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "base/signals_blocked.h"

namespace velo::cli {
namespace {

constexpr std::size_t name_ends = 36;  ///< columns from the name's first to the time's field
constexpr std::size_t time_width = 8;  ///< so that the time ends where Velo's users know it to
constexpr std::array frames{"⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"};
constexpr std::chrono::milliseconds frame_time{80};

}  // namespace

std::string step_time(Seconds took) {
  const double seconds = std::max(took.count(), 0.0);
  const auto ms = static_cast<std::int64_t>(std::llround(seconds * 1000));
  if (ms < 1) return "<1ms";
  if (ms < 100) return fmt::format("{}ms", ms);
  if (seconds < 59.95) return fmt::format("{:.1f}s", seconds);
  const auto whole = static_cast<std::int64_t>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{}m{:02}s", whole / 60, whole % 60);
  return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
}

std::string step_line(std::string_view mark, std::string_view name, std::string_view time) {
  return fmt::format("  {} {}{}", mark, pad_right(name, name_ends), pad_left(time, time_width));
}

Progress::Progress(Output& output) : output_(output) {}

Progress::~Progress() {
  const std::scoped_lock lock(mutex_);
  clear_locked();
  running_.clear();  // so that the spinner, which is still there, has nothing to draw
}

void Progress::begin(std::string_view title) {
  if (output_.quiet) return;
  const std::scoped_lock lock(mutex_);
  began_ = true;
  output_.err.write(fmt::format("{}...\n", paint(title, Colour::bold, output_.err.look())));
  if (output_.err.look().terminal && !spinner_.joinable()) {
    const SignalsBlocked blocked;
    spinner_ = std::jthread([this](const std::stop_token& stop) { spin(stop); });
  }
}

void Progress::step_started(std::string_view name) {
  if (output_.quiet) return;
  const std::scoped_lock lock(mutex_);
  clear_locked();
  running_.push_back({std::string(name), Stopwatch{}});
  draw_locked();
  changed_.notify_all();
}

void Progress::step_finished(std::string_view name, Seconds took) {
  if (output_.quiet) return;
  const std::scoped_lock lock(mutex_);
  clear_locked();
  const auto step = std::ranges::find(running_, name, &Step::name);
  if (step != running_.end()) running_.erase(step);
  const Look& look = output_.err.look();
  output_.err.write(step_line(paint("▸", Colour::cyan, look), name, step_time(took)) + "\n");
  draw_locked();
}

void Progress::step_progress(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  if (!running_.empty()) running_.back().progress = text;  // the spinner shows it
}

void Progress::notice(std::string_view text) {
  if (!output_.quiet) message("Notice:", Colour::cyan, text);
}

void Progress::warning(std::string_view text) {
  message("Warning:", Colour::yellow, text);
}

void Progress::done() {
  if (output_.quiet) return;
  const std::scoped_lock lock(mutex_);
  clear_locked();
  running_.clear();
  if (!began_) return;
  const Look& look = output_.err.look();
  output_.err.write(
      step_line(paint("✓", Colour::green, look), "Done", step_time(watch_.elapsed())) + "\n\n");
}

void Progress::abandon() {
  if (output_.quiet) return;
  const std::scoped_lock lock(mutex_);
  clear_locked();
  if (running_.empty()) return;
  const Step& step = running_.back();
  output_.err.write(step_line(paint("✗", Colour::red, output_.err.look()), step.name,
                              step_time(step.watch.elapsed())) +
                    "\n");
  running_.clear();
}

void Progress::draw_locked() {
  const Look& look = output_.err.look();
  if (!look.terminal || running_.empty()) return;
  const Step& step = running_.back();
  // A step's first moments show no spinner and no time: most are over before an eye can follow.
  const bool young = step.watch.elapsed() < frame_time;
  const std::string mark = paint(young ? "▸" : frames.at(frame_), Colour::cyan, look);
  // A line that wrapped could not be taken back.
  constexpr std::size_t beside_name = 4 + time_width + 1;
  const auto width = static_cast<std::size_t>(look.width);
  const std::string words =
      step.progress.empty() ? step.name : fmt::format("{}, {}", step.name, step.progress);
  const std::string name = width > beside_name ? shorten(words, width - beside_name) : words;
  output_.err.write(young || (width > 0 && width < name_ends + beside_name)
                        ? fmt::format("  {} {}", mark, name)
                        : step_line(mark, name, step_time(step.watch.elapsed())));
  drawn_ = true;
}

void Progress::clear_locked() {
  if (drawn_) output_.err.write("\r\x1b[K");
  drawn_ = false;
}

void Progress::message(std::string_view label, Colour colour, std::string_view text) {
  const std::scoped_lock lock(mutex_);
  clear_locked();
  output_.err.write(
      fmt::format("{}{} {}\n", began_ ? "  " : "", paint(label, colour, output_.err.look()), text));
  draw_locked();
}

void Progress::spin(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (running_.empty()) {
      changed_.wait(lock, stop, [this] { return !running_.empty(); });
      continue;
    }
    changed_.wait_for(lock, stop, frame_time, [] { return false; });
    if (stop.stop_requested() || running_.empty()) continue;
    frame_ = (frame_ + 1) % frames.size();
    clear_locked();
    draw_locked();
  }
}

}  // namespace velo::cli

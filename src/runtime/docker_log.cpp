#include "runtime/docker_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "base/time.h"

namespace velo::runtime {
namespace {

/// Nothing waits for a log for long: it is worth less than what it is about.
constexpr std::chrono::milliseconds log_patience{5'000};

constexpr const char* both_streams = "stdout=1&stderr=1";

/// The streams as one: Docker sends frames of a stream number, three zeros, the length in four
/// bytes, big-endian, and the text.
std::string without_frames(std::string_view frames) {
  constexpr size_t header = 8;
  std::string text;
  while (frames.size() >= header) {
    size_t size = 0;
    for (size_t at = 4; at < header; ++at) {
      size = size << 8U | static_cast<unsigned char>(frames[at]);
    }
    text += frames.substr(header, size);
    frames.remove_prefix(std::min(frames.size(), header + size));
  }
  return text;
}

std::filesystem::path place_file(const std::filesystem::path& log) {
  return std::filesystem::path(log).replace_extension("at");
}

/// "2025-10-09T18:40:21.123456789Z" as a number of seconds for `since`, which includes its moment.
std::string since_of(const std::string& stamp) {
  const size_t dot = stamp.find('.');
  const auto whole = parse_rfc3339(stamp.substr(0, std::min(dot, stamp.size() - 1)) + "Z");
  if (!whole) return "0";
  return std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(whole->time_since_epoch()).count());
}

Result<void> append(const std::filesystem::path& log, std::string_view text) {
  const Fd file = TRY(open_file(log, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600));
  while (!text.empty()) {
    const ssize_t written = ::write(file.get(), text.data(), text.size());
    if (written < 0) return fail_errno(errno, fmt::format("write {}", log.string()));
    text.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

}  // namespace

Result<std::string> log_of(DockerApi& api, const std::string& container, int lines) {
  return without_frames(
      TRY(api.fetch(fmt::format("/containers/{}/logs?{}&tail={}", container, both_streams, lines),
                    log_patience)));
}

Result<void> append_log(DockerApi& api, const std::string& container,
                        const std::filesystem::path& log) {
  const std::string kept = read_file(place_file(log)).value_or("");
  const std::string last{trim(kept)};
  const std::string text = without_frames(
      TRY(api.fetch(fmt::format("/containers/{}/logs?{}&timestamps=1&since={}", container,
                                both_streams, last.empty() ? "0" : since_of(last)),
                    log_patience)));
  std::string fresh;
  std::string newest = last;
  for (const std::string_view line : lines_of(text)) {
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    // The stamps have one length and one zone: their order is that of their texts.
    const std::string_view stamp = line.substr(0, blank);
    if (stamp <= last) continue;
    if (stamp > newest) newest = stamp;
    fresh += line.substr(blank + 1);
    fresh += '\n';
  }
  if (fresh.empty()) return {};
  TRY(append(log, fresh));
  return write_file(place_file(log), newest + "\n", 0600);
}

}  // namespace velo::runtime

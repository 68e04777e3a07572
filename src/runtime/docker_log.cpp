#include "runtime/docker_log.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/files.h"
#include "base/text.h"
#include "runtime/docker_answers.h"

namespace velo::runtime {
namespace {

/// Nothing waits for a log for long: it is worth less than what it is about.
constexpr std::chrono::milliseconds log_patience{5'000};

constexpr const char* both_streams = "stdout=1&stderr=1";

std::filesystem::path place_file(const std::filesystem::path& log) {
  return std::filesystem::path(log).replace_extension("at");
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
  const std::string text =
      without_frames(TRY(api.fetch(fmt::format("/containers/{}/logs?{}&timestamps=1&since={}",
                                               container, both_streams, since_of(last)),
                                   log_patience)));
  const LogLines fresh = lines_after(last, text);
  if (fresh.text.empty()) return {};
  TRY(append(log, fresh.text));
  return write_file(place_file(log), fresh.newest + "\n", 0600);
}

}  // namespace velo::runtime

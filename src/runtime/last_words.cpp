#include "runtime/last_words.h"

#include "base/text.h"

namespace velo::runtime {
namespace {

constexpr std::size_t shown_lines = 12;

/// "could not create any TCP/IP sockets" of "2026-… [4711] FATAL:  could not create any …".
std::string last_reason(std::string_view log) {
  std::string reason;
  for (const std::string_view line : lines_of(log)) {
    for (const std::string_view level : {"FATAL:", "PANIC:"}) {
      const std::size_t at = line.find(level);
      if (at == std::string_view::npos) continue;
      const std::string_view words = trim(line.substr(at + level.size()));
      // Said to whoever knocked meanwhile: "the database system is starting up".
      if (!words.starts_with("the database system is ")) reason = words;
    }
  }
  return reason;
}

}  // namespace

bool crashes_over_and_over(std::string_view log) {
  constexpr std::string_view begun_anew = "all server processes terminated; reinitializing";
  const std::size_t once = log.find(begun_anew);
  return once != std::string_view::npos &&
         log.find(begun_anew, once + begun_anew.size()) != std::string_view::npos;
}

std::unexpected<Error> did_not_start(std::string why, std::string_view log) {
  if (const std::string reason = last_reason(log); !reason.empty()) why += ": " + reason;
  return std::unexpected(
      Error{.code = Errc::server,
            .message = std::move(why),
            .hint = log.empty() ? "it wrote no log" : "the lines above are the end of its log",
            .detail = last_lines(log, shown_lines)});
}

}  // namespace velo::runtime

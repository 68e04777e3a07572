#include "runtime/docker_answers.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "base/time.h"

namespace velo::runtime {
namespace {

using nlohmann::json;

/// The value at `key`; null where there is none.
const json& value_at(const json& object, std::string_view key) {
  static const json none;
  if (!object.is_object()) return none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

/// The texts of the list at `key`.
std::vector<std::string> texts_at(const json& object, std::string_view key) {
  std::vector<std::string> texts;
  const json& list = value_at(object, key);
  if (!list.is_array()) return texts;
  for (const json& item : list) {
    if (item.is_string()) texts.push_back(item.get<std::string>());
  }
  return texts;
}

/// 0 where there is none, or it does not fit.
int number_at(const json& object, std::string_view key) {
  const json& value = value_at(object, key);
  if (!value.is_number_integer()) return 0;
  if (value.is_number_unsigned() &&
      value.get<std::uint64_t>() > std::numeric_limits<std::int64_t>::max()) {
    return 0;
  }
  const auto number = value.get<std::int64_t>();
  return std::in_range<int>(number) ? static_cast<int>(number) : 0;
}

bool is_true(const json& object, std::string_view key) {
  const json& value = value_at(object, key);
  return value.is_boolean() && value.get<bool>();
}

/// The whole of `text`.
std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  return error == std::errc{} && end == text.end() ? std::optional(number) : std::nullopt;
}

std::string without_slash(const std::string& name) {
  return name.substr(std::min(name.find_first_not_of('/'), name.size()));
}

/// "Exited (137) 2 hours ago"
int exit_code_in(std::string_view status) {
  const size_t open = status.find('(');
  if (open == std::string_view::npos) return 0;
  const size_t close = std::min(status.find(')', open), status.size());
  return static_cast<int>(number_in(status.substr(open + 1, close - open - 1)).value_or(0));
}

/// "2025-10-09T18:40:21.123456789Z", the fraction left out.
std::optional<std::chrono::sys_seconds> second_of(std::string_view stamp) {
  const std::string whole(stamp.substr(0, stamp.find_first_of(".Z")));
  const auto time = parse_rfc3339(whole + "Z");
  if (!time) return std::nullopt;
  return std::chrono::floor<std::chrono::seconds>(*time);
}

/// What Velo wrote on it.
void read_labels(const json& labels, Container& container) {
  container.given_name = text_at(labels, "velo.name");
  container.log = text_at(labels, "velo.log");
  container.pgdata = text_at(labels, "velo.pgdata");
}

bool mentions(std::string_view message, std::initializer_list<std::string_view> texts) {
  return std::ranges::any_of(texts, [&](std::string_view text) { return message.contains(text); });
}

}  // namespace

std::string text_at(const json& object, std::string_view key) {
  const json& value = value_at(object, key);
  return value.is_string() ? value.get<std::string>() : "";
}

Error refusal(int status, std::string_view body) {
  std::string message = text_at(json::parse(body, nullptr, /*allow_exceptions=*/false), "message");
  if (message.empty()) message = fmt::format("the daemon answers with status {}", status);
  if (mentions(message, {"port is already allocated", "address already in use"})) {
    return {Errc::in_use,
            std::move(message),
            "find out who listens there: ss -ltnp; or choose another: --port",
            {}};
  }
  if (mentions(message, {"no space left on device"})) {
    return {Errc::no_space,
            std::move(message),
            "make room where Docker keeps its data: docker system df shows it",
            {}};
  }
  // Podman's, whose package only recommends it.
  if (mentions(message, {"container-init binary not found"})) {
    return {Errc::server,
            std::move(message),
            "install the init for containers: sudo apt-get install catatonit",
            {}};
  }
  if (status == 404) return {Errc::not_found, std::move(message), {}, {}};
  if (status == 409) return {Errc::in_use, std::move(message), {}, {}};
  return {Errc::server,
          std::move(message),
          "the daemon said so; its own log says more: journalctl -u docker",
          {}};
}

std::vector<Container> containers_in(const json& list) {
  std::vector<Container> all;
  if (!list.is_array()) return all;
  for (const json& item : list) {
    Container container;
    container.id = text_at(item, "Id");
    if (const json& names = value_at(item, "Names"); names.is_array() && !names.empty()) {
      if (names.front().is_string()) {
        container.name = without_slash(names.front().get<std::string>());
      }
    }
    read_labels(value_at(item, "Labels"), container);
    container.runs = text_at(item, "State") == "running";
    container.exit_code = exit_code_in(text_at(item, "Status"));
    all.push_back(std::move(container));
  }
  return all;
}

Container container_in(const json& answer) {
  const json& state = value_at(answer, "State");
  Container container;
  container.id = text_at(answer, "Id");
  container.name = without_slash(text_at(answer, "Name"));
  read_labels(value_at(value_at(answer, "Config"), "Labels"), container);
  container.runs = is_true(state, "Running") && !is_true(state, "Restarting");
  container.restarts = number_at(answer, "RestartCount");
  container.exit_code = number_at(state, "ExitCode");
  container.pid = std::max(0, number_at(state, "Pid"));  // below 0 are groups of processes
  container.started_at =
      second_of(text_at(state, "StartedAt")).value_or(std::chrono::sys_seconds{});
  return container;
}

Image image_in(const json& answer) {
  Image image;
  image.id = text_at(answer, "Id");
  const json& config = value_at(answer, "Config");
  for (const std::string& line : texts_at(config, "Env")) {
    const size_t equals = line.find('=');
    if (equals != std::string::npos) {
      image.environment[line.substr(0, equals)] = line.substr(equals + 1);
    }
  }
  if (const json& volumes = value_at(config, "Volumes"); volumes.is_object()) {
    for (const auto& [path, nothing] : volumes.items()) image.volumes.push_back(path);
  }
  image.user = text_at(config, "User");
  image.entrypoint = texts_at(config, "Entrypoint");
  return image;
}

bool has_security_option(const json& info, std::string_view begin) {
  return std::ranges::any_of(texts_at(info, "SecurityOptions"),
                             [&](const std::string& option) { return option.starts_with(begin); });
}

void PullWatch::take(std::string_view piece) {
  for (size_t end = 0; (end = piece.find('\n')) != std::string_view::npos;) {
    rest_ += piece.substr(0, end);
    piece.remove_prefix(end + 1);
    take_line(std::exchange(rest_, {}));
  }
  rest_ += piece;
}

void PullWatch::take_line(const std::string& line) {
  const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (std::string error = text_at(event, "error"); !error.empty()) error_ = std::move(error);
  if (text_at(event, "status") == "Pull complete" && tell_) {
    tell_(fmt::format("layer {} of {}", text_at(event, "id"), name_));
  }
}

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

LogLines lines_after(std::string_view last, std::string_view log) {
  LogLines found{.text = {}, .newest = std::string(last)};
  for (const std::string_view line : lines_of(log)) {
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos) continue;
    // The stamps have one length and one zone: their order is that of their texts.
    const std::string_view stamp = line.substr(0, blank);
    if (stamp <= last) continue;
    if (stamp > found.newest) found.newest = stamp;
    found.text += line.substr(blank + 1);
    found.text += '\n';
  }
  return found;
}

std::string since_of(std::string_view stamp) {
  const auto second = second_of(stamp);
  return second ? std::to_string(second->time_since_epoch().count()) : "0";
}

/// POSIX.1-1988: a header of 512 bytes, the size in octal at 124.
std::string first_file(std::string_view archive) {
  constexpr size_t header = 512;
  if (archive.size() < header) return {};
  const std::string_view digits = archive.substr(124, 11);
  size_t size = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), size, 8);
  return error == std::errc{} ? std::string(archive.substr(header, size)) : "";
}

std::optional<OsUser> user_in(std::string_view passwd, std::string_view wanted) {
  const std::string_view name = wanted.substr(0, wanted.find(':'));
  for (const std::string_view line : lines_of(passwd)) {
    const auto fields = split(line, ':');
    if (fields.size() < 4 || (fields[0] != name && fields[2] != name)) continue;
    const auto uid = number_in(fields[2]);
    const auto gid = number_in(fields[3]);
    // The last number is none: the system calls that act as somebody take it for "as before".
    constexpr unsigned nobody = std::numeric_limits<unsigned>::max();
    if (uid && gid && *uid != nobody && *gid != nobody) {
      return OsUser{.uid = *uid, .gid = *gid, .name = fmt::format("{}:{}", *uid, *gid), .home = {}};
    }
  }
  return std::nullopt;
}

}  // namespace velo::runtime

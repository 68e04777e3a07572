// What the Docker daemon answers, read: functions of its answers alone, which take any bytes.
//
// Whoever answers at DOCKER_HOST need not be Docker, and what a container writes or an image holds
// is its maker's choice. So a value of another type than expected is one that is not there, and
// nothing here throws.
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/os_user.h"
#include "runtime/docker_container.h"
#include "runtime/docker_image.h"

namespace velo::runtime {

/// The text at `key`; empty where there is none, or `object` is no object.
std::string text_at(const nlohmann::json& object, std::string_view key);

/// What anything but success is: the daemon's message. The kinds are DockerApi's.
Error refusal(int status, std::string_view body);

/// Of /containers/json.
std::vector<Container> containers_in(const nlohmann::json& list);
/// Of /containers/ID/json.
Container container_in(const nlohmann::json& answer);
/// Of /images/NAME/json; the name is left to the caller.
Image image_in(const nlohmann::json& answer);
/// The security options of /info that begin with `begin`.
bool has_security_option(const nlohmann::json& info, std::string_view begin);

/// The stream of a pull, as it comes: one JSON document a line.
class PullWatch {
 public:
  /// `tell` is told each layer that has come; may be empty.
  PullWatch(std::string name, std::function<void(std::string_view)> tell)
      : name_(std::move(name)), tell_(std::move(tell)) {}

  void take(std::string_view piece);
  /// Failures after the stream began come in it; empty when there was none.
  const std::string& error() const { return error_; }

 private:
  void take_line(const std::string& line);

  std::string name_;
  std::function<void(std::string_view)> tell_;
  std::string rest_;  ///< a line whose end has not come
  std::string error_;
};

/// A log's streams as one: Docker sends frames of a stream number, three zeros, the length in four
/// bytes, big-endian, and the text. A frame that is cut off counts as far as it goes.
std::string without_frames(std::string_view frames);

/// A log with its times, "STAMP TEXT" a line.
struct LogLines {
  std::string text;    ///< the lines behind `last`, without their stamps
  std::string newest;  ///< the newest stamp; `last` where no line is newer
};
LogLines lines_after(std::string_view last, std::string_view log);
/// A stamp, "2025-10-09T18:40:21.123456789Z", as whole seconds for a log's `since`, which includes
/// its moment; "0" for anything else.
std::string since_of(std::string_view stamp);

/// The text of the first file in a tar archive.
std::string first_file(std::string_view archive);
/// The user `wanted` ("postgres", "70", "70:70") by an image's passwd file.
std::optional<OsUser> user_in(std::string_view passwd, std::string_view wanted);

}  // namespace velo::runtime

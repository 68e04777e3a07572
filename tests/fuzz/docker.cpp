// What a Docker daemon answers: its JSON, the stream of a pull, the frames of a log, and the files
// of an image and lines of a container that come through it.
#include <nlohmann/json.hpp>

#include "fuzz.h"
#include "runtime/docker_answers.h"

namespace {

using namespace velo;
using namespace velo::runtime;
using fuzz::require;

void check_container(const Container& container) {
  require(container.pid >= 0, "a pid is a process's, not a group's");
  require(!container.name.starts_with('/'), "a name is without its slash");
}

void check_json(std::string_view text) {
  const auto answer = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  check_container(container_in(answer));
  for (const Container& container : containers_in(answer)) check_container(container);
  const Image image = image_in(answer);
  for (const auto& [name, value] : image.environment) {
    require(!name.contains('='), "a variable's name ends at the first =");
  }
  (void)has_security_option(answer, "name=rootless");
  const Error refused = refusal(500, text);
  require(!refused.message.empty(), "a refusal says something");
}

/// In pieces of two sizes, which must make no difference.
void check_pull(std::string_view stream) {
  std::string told[2];
  std::string errors[2];
  for (const std::size_t turn : {0U, 1U}) {
    PullWatch watch("postgres:17", [&](std::string_view what) { told[turn] += what; });
    const std::size_t piece = turn == 0 ? stream.size() + 1 : 7;
    for (std::string_view rest = stream; !rest.empty();) {
      watch.take(rest.substr(0, piece));
      rest.remove_prefix(std::min(rest.size(), piece));
    }
    watch.take("\n");
    errors[turn] = watch.error();
  }
  require(told[0] == told[1] && errors[0] == errors[1], "a stream is what its bytes are");
}

void check_log(std::string_view frames) {
  const std::string text = without_frames(frames);
  require(text.size() <= frames.size(), "frames hold what they hold");
  const LogLines lines = lines_after("2025", text);
  require(lines.newest >= "2025", "the newest stamp is not older than the last");
  const LogLines none = lines_after(lines.newest, text);
  require(none.text.empty(), "what was told is not told again");
  require(!since_of(lines.newest).empty(), "there is always a since");
}

void check_files(std::string_view archive) {
  const std::string passwd = first_file(archive);
  require(passwd.size() <= archive.size(), "a file is no larger than its archive");
  for (const std::string_view text : {std::string_view(passwd), archive}) {
    const auto user = user_in(text, "postgres");
    require(!user || (user->uid != ~0U && user->gid != ~0U), "a uid is somebody's");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view input = fuzz::text_of(data, size);
  switch (fuzz::take_choice(input) % 4) {
    case 0:
      check_json(input);
      break;
    case 1:
      check_pull(input);
      break;
    case 2:
      check_log(input);
      break;
    default:
      check_files(input);
  }
  return 0;
}

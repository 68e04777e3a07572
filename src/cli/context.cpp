#include "cli/context.h"

#include "base/os_user.h"
#include "postgres/connection.h"

namespace velo::cli {

Result<std::filesystem::path> home_from(const Variable& variable) {
  if (const std::string home = variable("VELO_HOME"); !home.empty()) {
    // Otherwise servers would be lost with the next change of directory.
    if (!home.starts_with('/')) {
      return fail_with_hint(Errc::failed,
                            fmt::format("VELO_HOME '{}' is not an absolute path", home),
                            "set it to a path that begins with /");
    }
    return std::filesystem::path(home).lexically_normal();
  }
  if (running_as_root()) return "/var/lib/velo";
  std::string home = variable("HOME");
  if (home.empty()) home = TRY(current_user()).home;
  if (home.empty()) {
    return fail_with_hint(Errc::failed, "there is no home directory to keep Velo's state in",
                          "set VELO_HOME to a directory of yours");
  }
  return std::filesystem::path(home) / ".velo";
}

engine::Engine::Options Context::engine_options() const {
  return {.home = environment_.home,
          .command = command_line(words_),
          .path_variable = environment_.path_variable,
          .program = environment_.program};
}

Result<engine::Engine> Context::open_engine() {
  return engine::Engine::open(engine_options(), progress_, cancel_);
}

Result<engine::Engine> Context::open_engine_for_servers() {
  postgres::load_libpq_ahead();
  return open_engine();
}

Result<engine::Engine> Context::read_engine() {
  return engine::Engine::read(engine_options(), progress_, cancel_);
}

void Context::answer(const std::function<std::string()>& document,
                     const std::function<std::string(const Look&)>& text) {
  progress_.done();
  output_.out.write(json() ? document() : text(output_.out.look()));
}

std::string command_line(const std::vector<std::string>& words) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./=:,@%+";
  std::string line = "velo";
  for (const std::string& word : words) {
    line += ' ';
    if (!word.empty() && word.find_first_not_of(plain) == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char c : word) line += c == '\'' ? std::string("'\\''") : std::string(1, c);
    line += '\'';
  }
  return line;
}

}  // namespace velo::cli

// What a running command is given: where its words go, the engine, and the world around it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/cancel.h"
#include "base/error.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "engine/engine.h"

namespace velo::cli {

struct Command;

/// What of the environment a command looks at.
struct Environment {
  std::filesystem::path home;              ///< VELO_HOME
  std::string path_variable;               ///< $PATH
  std::string sudo_user;                   ///< $SUDO_USER: who called sudo
  std::filesystem::path program;           ///< this program's own file
  std::vector<std::string> postgres_vars;  ///< the user's own PG* variables, "NAME=value"
};

/// $VELO_HOME; else /var/lib/velo for root and ~/.velo for others. Errc::failed when that is no
/// absolute path, or there is no home to put it in.
Result<std::filesystem::path> home_from(const Variable& variable);

class Context {
 public:
  Context(Output& output, Progress& progress, const Cancellation& cancel, Environment environment,
          std::vector<std::string> words, const Command& root)
      : output_(output),
        progress_(progress),
        cancel_(cancel),
        environment_(std::move(environment)),
        words_(std::move(words)),
        root_(root) {}

  Output& output() { return output_; }
  bool json() const { return output_.json; }
  bool quiet() const { return output_.quiet; }
  Progress& progress() { return progress_; }
  const Cancellation& cancel() const { return cancel_; }
  const Environment& environment() const { return environment_; }
  /// All commands, for those that describe them.
  const Command& root() const { return root_; }
  /// What stood after `--`.
  const std::vector<std::string>& passthrough() const { return passthrough_; }
  void set_passthrough(std::vector<std::string> words) { passthrough_ = std::move(words); }

  /// For what is done without a catalog that could be opened.
  engine::Engine::Options engine_options() const;
  Result<engine::Engine> open_engine();
  /// The same for commands that speak to a server: what that takes is loaded beside it.
  Result<engine::Engine> open_engine_for_servers();
  /// For commands that change nothing, and so make no VELO_HOME either.
  Result<engine::Engine> read_engine();

  /// The answer: the document with --json, else the text. Ends the progress.
  void answer(const std::function<std::string()>& document,
              const std::function<std::string(const Look&)>& text);

 private:
  Output& output_;
  Progress& progress_;
  const Cancellation& cancel_;
  Environment environment_;
  std::vector<std::string> words_;
  const Command& root_;
  std::vector<std::string> passthrough_;
};

/// The command line as it could be typed again, for the journal.
std::string command_line(const std::vector<std::string>& words);

}  // namespace velo::cli

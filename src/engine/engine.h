// One opened VELO_HOME: what every use case is given.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/cancel.h"
#include "base/error.h"
#include "base/lock.h"
#include "engine/home.h"
#include "engine/observer.h"

namespace velo::catalog {
class Catalog;
}

namespace velo::engine {

/// Not shared between threads (its catalog connection is not); any number may be open at once, in
/// one process or in many. Holds references: the observer and the cancellation must outlive it.
class Engine {
 public:
  struct Options {
    std::filesystem::path home;  ///< VELO_HOME
    std::string command;         ///< the command line, for the journal
    std::string path_variable;   ///< $PATH, where PostgreSQL builds are looked for
    /// This program's file, which servers archive with; empty: they do it without.
    std::filesystem::path program = {};
  };

  /// Makes the home when it does not exist. Errc::permission when it cannot be written or others
  /// can read it or what is secret in it; Errc::state when its catalog is damaged or newer than
  /// this program.
  static Result<Engine> open(Options options, Observer& observer, const Cancellation& cancel);

  /// The same for whoever changes nothing: where there is no home it is an empty one, and nothing
  /// is made.
  static Result<Engine> read(Options options, Observer& observer, const Cancellation& cancel);

  /// For whoever only looks: opens a home that is there, whatever its modes, and makes and migrates
  /// nothing. Errc::not_found without a catalog, Errc::state when it is damaged or of another
  /// schema version than this program's.
  static Result<Engine> look(Options options, Observer& observer, const Cancellation& cancel);

  /// Another one of the same home, for a thread of its own; tells `observer`, looks at the same
  /// cancellation.
  Result<Engine> again(Observer& observer) const;
  /// On a catalog that is none of a home's yet, for who makes another one for it.
  static Engine over(const Home& home, catalog::Catalog catalog, Observer& observer,
                     const Cancellation& cancel, Options options);

  Engine(Engine&&) noexcept;
  Engine& operator=(Engine&&) = delete;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  /// Backs the catalog up, where that is due (engine/state.h).
  ~Engine();

  const Home& home() const { return home_; }
  catalog::Catalog& catalog() const { return *catalog_; }
  Observer& observer() { return *observer_; }
  const Cancellation& cancel() const { return *cancel_; }
  const std::string& command() const { return command_; }
  const std::string& path_variable() const { return path_variable_; }
  const std::filesystem::path& program() const { return program_; }

 private:
  Engine(Home home, std::optional<FileLock> lock, std::unique_ptr<catalog::Catalog> catalog,
         Observer& observer, const Cancellation& cancel, Options options);
  Home home_;
  std::optional<FileLock> lock_;  ///< none: nothing of a home's is open
  std::unique_ptr<catalog::Catalog> catalog_;
  Observer* observer_;
  const Cancellation* cancel_;
  std::string command_;
  std::string path_variable_;
  std::filesystem::path program_;
  bool backs_up_ = false;
};

}  // namespace velo::engine

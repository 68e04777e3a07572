// The black-box harness: the real binary in a VELO_HOME and a pool of the test's own.
#pragma once

#include <gtest/gtest.h>
#include <termios.h>

#include <filesystem>
#include <future>
#include <optional>
#include <string>
#include <vector>

#include "support/environment.h"
#include "support/json.h"
#include "support/place.h"
#include "support/sql.h"
#include "support/wait.h"

namespace velo::test {

namespace fs = std::filesystem;

/// Which storage driver, PostgreSQL major and runtime a test runs on.
struct Where {
  std::string driver;  ///< empty: the best that this machine offers (btrfs, else copy)
  int major = 0;       ///< 0: the newest that is installed
  std::string runtime = "native";
};
/// "btrfs_17", "docker_btrfs_17"; names a parameterised test, and the lane docker runs those that
/// have its name in theirs.
std::string name_of(const Where& where);
inline void PrintTo(const Where& where, std::ostream* out) {
  *out << name_of(where);
}
/// Why this machine cannot run tests there; empty when it can.
std::string missing_for(const Where& where);

/// A program that ended.
struct Ran {
  int exit_status = -1;  ///< 128 + the signal's number for one that was killed
  std::string out;
  std::string err;
  std::string command;
  std::string all() const;  ///< everything above, for a failure's message
};

/// The directory in which tests make theirs: reachable by the servers' user, on a disk.
fs::path homes();

/// Words split at blanks, for command lines that hold none in their words.
std::vector<std::string> words(const std::string& line);

/// A running server, found by its postmaster.pid and that process's working directory; one in a
/// container too, with the pid that it has on this machine.
struct Server {
  int pid = 0;
  fs::path data_directory;
};
std::vector<Server> servers_below(const fs::path& directory);
/// Ends them, gently first, and waits until they are gone.
void end_servers_below(const fs::path& directory);
bool is_alive(int pid);
/// Runs a program to its end; expects success.
void run_tool(const std::vector<std::string>& argv);
/// `docker` on the tests' own daemon; expects success and answers with its output.
std::string run_docker(const std::vector<std::string>& arguments);

class Velo {
 public:
  /// Makes an empty VELO_HOME (with the embedded build of where.major, if that is asked for) and an
  /// empty pool.
  explicit Velo(const Where& where = {});
  /// The same, below these two directories.
  Velo(const Where& where, const fs::path& below, const fs::path& pools);
  Velo(const Velo&) = delete;
  Velo& operator=(const Velo&) = delete;
  Velo(Velo&&) = delete;
  Velo& operator=(Velo&&) = delete;
  /// Ends the servers in its own pool (and removes their containers), then removes pool and home.
  ~Velo();

  const Where& where() const { return where_; }
  const fs::path& home() const { return home_; }
  const fs::path& pool() const { return pool_.path(); }
  fs::path volumes() const { return pool_.volumes(); }
  const Place& place() const { return pool_; }
  static fs::path binary(const std::string& name);
  /// What the binary is given as its environment, besides `more`.
  std::vector<std::string> environment(const std::vector<std::string>& more = {}) const;
  /// Added to every later command's environment.
  void set(const std::string& variable) { extra_environment_.push_back(variable); }
  /// Which binary later commands run: "velo" or "velo-faults".
  void use_binary(const std::string& name) { binary_ = name; }

  Ran run(const std::vector<std::string>& arguments, const std::vector<std::string>& more = {},
          const std::string& input = {}) const;
  Ran run(const std::string& line) const { return run(words(line)); }
  std::future<Ran> start(const std::string& line) const;

  /// Expects success.
  Ran ok(const std::string& line) const { return ok(words(line)); }
  Ran ok(const std::vector<std::string>& arguments) const;
  /// Expects that exit code, and an error that says something on stderr and nothing on stdout.
  Ran fails(int exit_status, const std::string& line) const {
    return fails(exit_status, words(line));
  }
  Ran fails(int exit_status, const std::vector<std::string>& arguments) const;
  /// Expects success and one document on stdout.
  Json json(const std::string& line) const;

  /// `project create NAME` on this test's driver, pool and major, with more words at the end.
  Ran create_project(const std::string& name, const std::string& more = {}) const;
  std::vector<std::string> project_words(const std::string& name) const;

  std::string url(const std::string& branch) const;
  /// A connection; expects it to work.
  Sql sql(const std::string& branch) const;
  /// The first value of a statement's answer.
  std::string value(const std::string& branch, const std::string& statement) const;
  std::string state(const std::string& branch) const;
  int port(const std::string& branch) const;
  fs::path data_directory(const std::string& branch) const;
  /// The pid of the branch's server; 0 when there is none.
  int pid(const std::string& branch) const;
  /// kill -9 for the branch's server and its children, and waits until they are gone.
  void kill_server(const std::string& branch) const;
  /// The names of all volumes in the pool, but for those that `snapshot list` says are bases for
  /// recovery: project create and others make these by themselves.
  std::vector<std::string> volume_names() const;

 private:
  Where where_;
  TempDirectory base_;
  Place pool_;
  fs::path home_;
  std::string binary_ = "velo";
  std::vector<std::string> extra_environment_;
};

/// A test with a Velo of its own, on the best place there is.
class E2eTest : public testing::Test {
 protected:
  void SetUp() override { set_up({}); }
  /// Skips the test where the place is missing (fails it under VELO_TEST_REQUIRE).
  void set_up(const Where& where);
  std::unique_ptr<Velo> velo;
};

/// A test for each of several places.
class PlacesTest : public E2eTest, public testing::WithParamInterface<Where> {
 protected:
  void SetUp() override { set_up(GetParam()); }
};
std::string param_name(const testing::TestParamInfo<Where>& info);

/// A program on a terminal of its own (forkpty): for prompts, colours, and what a hang-up does.
class Terminal {
 public:
  Terminal(const std::vector<std::string>& argv, const std::vector<std::string>& environment);
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  Terminal(Terminal&&) = delete;
  Terminal& operator=(Terminal&&) = delete;
  ~Terminal();

  /// Reads until `text` has been shown; false at the deadline or the program's end.
  bool shows(const std::string& text);
  void type(const std::string& text);
  /// The program's; SIGINT comes from the terminal, as Ctrl-C does.
  void signal(int number);
  /// Whether the program has ended; reads what it shows meanwhile.
  bool has_ended();
  /// Echo, line mode and such.
  termios settings() const;
  /// Closes the terminal: the kernel sends SIGHUP to its session.
  void hang_up();
  /// Waits for the end; the exit code, or 128 + the signal.
  int wait();
  const std::string& screen() const { return screen_; }

 private:
  bool read_some(int patience_ms = 100);
  int master_ = -1;
  int pid_ = 0;
  std::optional<int> status_;  ///< of waitpid(2), once it has ended
  std::string screen_;
};

}  // namespace velo::test

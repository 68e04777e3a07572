// Nothing that is secret is anywhere but where it belongs: after a whole flow, all that Velo wrote,
// said and gave to programs is searched for the very values.
//
// Where they belong: VELO_HOME's key (private/key) and the servers' TLS keys (server.key, 0600),
// the answer of `branch password` and `branch url`, and the environment of psql while it runs.
#include <gmock/gmock.h>

#include <atomic>
#include <fstream>
#include <set>
#include <sstream>
#include <thread>

#include "base/crypto.h"
#include "base/files.h"
#include "support/velo.h"

namespace velo::test {
namespace {

std::string content_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Reads the arguments of all processes of this machine, over and over, until it is told to end.
/// What lives shorter than a round it can miss; it sees a few hundred rounds in a flow.
class ArgumentsWatch {
 public:
  ArgumentsWatch() : thread_([this] { watch(); }) {}
  ArgumentsWatch(const ArgumentsWatch&) = delete;
  ArgumentsWatch& operator=(const ArgumentsWatch&) = delete;
  ArgumentsWatch(ArgumentsWatch&&) = delete;
  ArgumentsWatch& operator=(ArgumentsWatch&&) = delete;
  ~ArgumentsWatch() { end(); }

  /// The command lines that were seen, each once.
  const std::set<std::string>& end() {
    ends_ = true;
    if (thread_.joinable()) thread_.join();
    return seen_;
  }
  int rounds() const { return rounds_; }

 private:
  void watch() {
    for (; !ends_; ++rounds_) {
      std::error_code ignored;
      for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        // One that ended meanwhile has none.
        if (auto arguments = read_file(entry.path() / "cmdline"))
          seen_.insert(std::move(*arguments));
      }
    }
  }

  std::atomic<bool> ends_ = false;
  std::atomic<int> rounds_ = 0;
  std::set<std::string> seen_;
  std::thread thread_;  // the last: it uses the others
};

class Secrets : public PlacesTest {
 protected:
  /// Runs a command that was not asked for a secret, and keeps what it said.
  void tell(const std::string& line) { said_ += velo->run(line).all() + "\n"; }
  void tell_in_json(const std::string& line) { tell(line + " --json"); }

  std::string password(const std::string& branch) const {
    return velo->json("branch password " + branch).text("/connection/password");
  }

  /// Each secret by what it is, in every form that it could be written in.
  std::map<std::string, std::string> secrets() const {
    const std::string key = content_of(velo->home() / "private/key");
    EXPECT_GE(key.size(), 32U);
    std::map<std::string, std::string> all{{"the key", key},
                                           {"the key in hexadecimal", to_hex(key)},
                                           {"the key in base64", to_base64(key)}};
    for (const char* branch : {"demo/main", "demo/dev", "demo/then"}) {
      all["the password of " + std::string(branch)] = password(branch);
    }
    for (const auto& entry : fs::recursive_directory_iterator(velo->home() / "tls")) {
      if (entry.path().filename() != "server.key") continue;
      const std::string pem = content_of(entry.path());
      all["a TLS key"] = pem.substr(pem.find('\n') + 1, 64);
    }
    EXPECT_EQ(all.size(), 7U);
    return all;
  }

  void expect_clean(const std::string& text, const std::string& where) const {
    for (const auto& [what, secret] : secrets_) {
      EXPECT_EQ(text.find(secret), std::string::npos) << what << " is in " << where;
    }
  }
  void expect_clean_files(const fs::path& directory) const {
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
      const fs::path& path = entry.path();
      if (!entry.is_regular_file() || path.filename() == "server.key" ||
          path == velo->home() / "private/key") {
        continue;
      }
      expect_clean(content_of(path), path);
    }
  }

  std::string said_;
  std::map<std::string, std::string> secrets_;
};

TEST_P(Secrets, AreNowhereButWhereTheyBelong) {
  ArgumentsWatch watch;
  said_ += velo->create_project("demo", "--pg-conf log_statement=all --pg-conf log_connections=on")
               .all();
  velo->sql("demo/main").execute("CREATE TABLE t AS SELECT 1 AS i");
  for (const char* line :
       {"branch create demo/dev", "snapshot create demo/main --label early",
        "branch create demo/then --pitr now", "branch stop demo/dev", "branch start demo/dev",
        "branch restart demo/dev", "branch reset demo/dev --force", "branch create demo/more",
        "branch restore demo/then --snapshot early", "branch delete demo/more",
        "branch undelete demo/more", "branch delete demo/more --now", "snapshot list",
        "wal info demo/main", "config list", "up", "project list", "project get demo",
        "branch list demo", "branch get demo/dev", "status", "operations", "logs demo/dev",
        // Errors of every kind.
        "branch create demo/dev", "branch create demo/no/such", "branch get demo/nix",
        "branch delete demo/main", "branch reset demo/main",
        "branch create demo/x --pitr yesterday", "project create demo", "snapshot get nix",
        "nonsense"}) {
    tell(line);
  }
  tell("psql demo/dev -- -c SELECT(1)");
  tell("psql demo/dev -- -c SELECT(nothing)");
  tell("psql demo/dev -- -d nosuchdatabase -c SELECT(1)");
  for (const char* line :
       {"project create other", "branch create demo/json", "branch reset demo/json",
        "branch get demo/json", "branch list", "branch restart demo/json", "project get demo",
        "snapshot create demo/json", "snapshot list", "status", "operations", "doctor",
        "wal info demo/main", "config list", "branch delete demo/json"}) {
    tell_in_json(line);
  }
  // Somebody who knocks with a wrong password, and what the server writes about it.
  secrets_ = secrets();
  std::string url = velo->url("demo/dev");
  const std::string dev = secrets_.at("the password of demo/dev");
  EXPECT_FALSE(Sql(url.replace(url.find(dev), dev.size(), "wrong")).connected());
  EXPECT_TRUE(Sql(velo->url("demo/dev")).connected());
  tell("logs demo/dev");

  EXPECT_NE(said_.find("✓ Done"), std::string::npos);
  EXPECT_NE(said_.find("***"), std::string::npos) << "the flow has printed a connection string";
  expect_clean(said_, "what was printed:\n" + said_);
  expect_clean_files(velo->home());
  expect_clean_files(velo->volumes());
  for (const Server& server : servers_below(velo->volumes())) {
    const fs::path process = "/proc/" + std::to_string(server.pid);
    expect_clean(content_of(process / "environ"), "the environment of a server");
  }
  if (velo->where().runtime == "docker") {
    std::istringstream all(run_docker({"ps", "--all", "--filter", "label=velo.volume", "--format",
                                       "{{.ID}} {{.Label \"velo.volume\"}}"}));
    int looked_at = 0;
    for (std::string id, volume; all >> id >> volume;) {
      if (!volume.starts_with(velo->pool().string() + "/")) continue;  // another test's
      ++looked_at;
      expect_clean(run_docker({"inspect", id}), "docker inspect");
      expect_clean(run_docker({"logs", id}), "docker logs");
    }
    EXPECT_GE(looked_at, 3);
  }
  const auto& arguments = watch.end();
  EXPECT_GT(watch.rounds(), 10);
  const bool saw_velo = std::ranges::any_of(arguments, [](const std::string& line) {
    return line.find("create") != std::string::npos && line.find("demo/dev") != std::string::npos;
  });
  EXPECT_TRUE(saw_velo) << "the watch saw nothing";
  for (const std::string& line : arguments)
    expect_clean(line, "the arguments of a program: " + line);
}

INSTANTIATE_TEST_SUITE_P(Places, Secrets,
                         testing::Values(Where{.driver = "btrfs", .major = 0},
                                         Where{
                                             .driver = "btrfs", .major = 17, .runtime = "docker"}),
                         param_name);

}  // namespace
}  // namespace velo::test

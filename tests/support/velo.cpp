#include "support/velo.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/files.h"
#include "base/process.h"
#include "support/caretakers.h"

namespace velo::test {
namespace {

using namespace std::chrono_literals;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// Longer than anything that a command does here, even on a machine with much else to do; longer
/// still in an emulated one.
std::chrono::seconds command_patience() {
  const std::string given = variable("VELO_TEST_PATIENCE");
  return given.empty() ? 180s : std::chrono::seconds(std::atoi(given.c_str()));
}

std::string best_driver() {
  if (btrfs_place()) return "btrfs";
  return zfs_place() ? "zfs" : "copy";
}

/// Debian's own major is found without help; all others are unpacked builds.
bool is_installed(int major) {
  return fs::exists(fs::path("/usr/lib/postgresql") / std::to_string(major) / "bin/postgres");
}

fs::path embedded_build(int major) {
  const std::string builds = variable("VELO_TEST_POSTGRES");
  if (builds.empty()) return {};
  const fs::path build = fs::path(builds) / std::to_string(major);
  return fs::exists(build / "bin/postgres") ? build : fs::path{};
}

std::vector<int> pids() {
  std::vector<int> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    int pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc{} && end == name.data() + name.size()) found.push_back(pid);
  }
  return found;
}

/// Empty for a process that is gone, a zombie, or another user's.
fs::path working_directory(int pid) {
  std::error_code ignored;
  return fs::read_symlink("/proc/" + std::to_string(pid) + "/cwd", ignored);
}

void remove_containers_below(const fs::path& directory) {
  const std::string list = run_docker({"ps", "--all", "--filter", "label=velo.volume", "--format",
                                       "{{.ID}} {{.Label \"velo.volume\"}}"});
  std::istringstream lines(list);
  for (std::string id, volume; lines >> id >> volume;) {
    if (volume.starts_with(directory.string() + "/")) run_docker({"rm", "-f", "-v", id});
  }
}

/// Of servers, those among them that have come to nothing more than being started.
std::vector<int> server_processes_below(const fs::path& directory) {
  std::vector<int> found;
  for (const int pid : pids()) {
    std::error_code ignored;
    const fs::path proc = "/proc/" + std::to_string(pid);
    if (fs::read_symlink(proc / "exe", ignored).filename() != "postgres") continue;
    const std::string prefix = directory.string() + "/";
    const std::string arguments = read_file(proc / "cmdline").value_or("");
    if (working_directory(pid).string().starts_with(prefix) ||
        arguments.find('\0' + prefix) != std::string::npos) {
      found.push_back(pid);
    }
  }
  return found;
}

std::vector<int> processes_in(const fs::path& directory) {
  std::vector<int> found;
  for (const int pid : pids()) {
    if (working_directory(pid) == directory) found.push_back(pid);
  }
  return found;
}

/// The pid that a process knows itself by: another one in a container.
int own_pid(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string word; status >> word;) {
    if (word != "NSpid:") continue;
    std::string line;
    std::getline(status, line);
    return std::atoi(line.substr(line.find_last_of(" \t") + 1).c_str());
  }
  return pid;
}

void end_server(const Server& server) {
  ::kill(server.pid, SIGQUIT);
  if (wait_until([&] { return processes_in(server.data_directory).empty(); }, 10s)) return;
  for (const int pid : processes_in(server.data_directory)) ::kill(pid, SIGKILL);
  wait_until([&] { return processes_in(server.data_directory).empty(); }, 10s);
}

}  // namespace

fs::path homes() {
  const std::string given = variable("VELO_TEST_HOMES");
  return given.empty() ? fs::temp_directory_path() : fs::path(given);
}

std::string name_of(const Where& where) {
  const std::string prefix = where.runtime == "docker" ? "docker_" : "";
  return prefix + (where.driver.empty() ? best_driver() : where.driver) + "_" +
         std::to_string(where.major);
}

std::string missing_for(const Where& where) {
  if (!where.driver.empty() && !places_for(where.driver)) {
    return "no place for " + where.driver + ": ./test.sh makes one";
  }
  if (where.runtime == "docker") {
    return docker_daemon() ? "" : "no Docker daemon of the tests' own: ./test.sh docker starts one";
  }
  if (where.major != 0 && !is_installed(where.major) && embedded_build(where.major).empty()) {
    return "no PostgreSQL " + std::to_string(where.major) + ": ./test.sh fetches one";
  }
  return "";
}

std::string Ran::all() const {
  return "$ " + command + "\n" + out + err + "→ exit code " + std::to_string(exit_status);
}

std::vector<std::string> words(const std::string& line) {
  std::vector<std::string> found;
  for (std::size_t at = line.find_first_not_of(' '); at != std::string::npos;) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    found.push_back(line.substr(at, end - at));
    at = line.find_first_not_of(' ', end);
  }
  return found;
}

std::vector<Server> servers_below(const fs::path& directory) {
  const std::string prefix = directory.string() + "/";
  std::vector<Server> found;
  for (const int pid : pids()) {
    const fs::path where = working_directory(pid);
    if (!where.string().starts_with(prefix)) continue;
    std::ifstream file(where / "postmaster.pid");
    int postmaster = 0;
    if (file >> postmaster && postmaster == own_pid(pid)) {
      found.push_back({.pid = pid, .data_directory = where});
    }
  }
  return found;
}

void end_servers_below(const fs::path& directory) {
  for (const Server& server : servers_below(directory)) end_server(server);
  // One that was just started has no postmaster.pid yet, and would outlive its volume by a minute.
  for (const int pid : server_processes_below(directory)) ::kill(pid, SIGQUIT);
  wait_until([&] { return server_processes_below(directory).empty(); }, 10s);
}

void run_tool(const std::vector<std::string>& argv) {
  const Cancellation never;
  const auto ran = velo::run(
      {.argv = argv, .environment = clean_environment(), .user = {}, .input = {}}, 1min, never);
  ASSERT_TRUE(ran) << ran.error().message;
  EXPECT_EQ(ran->exit_status, 0) << argv.front() << ": " << ran->out << ran->err;
}

std::string run_docker(const std::vector<std::string>& arguments) {
  std::vector<std::string> argv{"/usr/bin/docker"};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = clean_environment();
  environment.push_back("DOCKER_HOST=" + docker_daemon().value_or(""));
  const Cancellation never;
  auto ran =
      velo::run({.argv = argv, .environment = environment, .user = {}, .input = {}}, 1min, never);
  EXPECT_TRUE(ran && ran->exit_status == 0)
      << "docker " << arguments.front() << ": " << (ran ? ran->err : ran.error().message);
  return ran ? ran->out : "";
}

bool is_alive(int pid) {
  return !working_directory(pid).empty();
}

Velo::Velo(const Where& where)
    : Velo(where, homes(),
           places_for(where.driver.empty() ? best_driver() : where.driver).value()) {}

Velo::Velo(const Where& where, const fs::path& below, const fs::path& pools)
    : where_{.driver = where.driver.empty() ? best_driver() : where.driver,
             .major = where.major,
             .runtime = where.runtime},
      base_(below),
      pool_(pools),
      home_(base_.path() / "home") {
  fs::create_directory(home_);
  ::chmod(home_.c_str(), ::geteuid() == 0 ? 0711 : 0700);
  if (where_.runtime == "native" && where_.major != 0 && !is_installed(where_.major)) {
    fs::create_directories(home_ / "postgres");
    fs::create_directory_symlink(embedded_build(where_.major),
                                 home_ / "postgres" / std::to_string(where_.major));
  }
}

Velo::~Velo() {
  // First, lest one fills a pool while that is taken away.
  kill_caretakers_of(home_);
  if (where_.runtime == "docker") remove_containers_below(pool());
  for (const fs::path& directory : {volumes(), base_.path()}) end_servers_below(directory);
  if (testing::Test::HasFailure()) {
    std::error_code ignored;
    for (const auto& log : fs::directory_iterator(home_ / "logs", ignored)) {
      std::ifstream file(log.path());
      const std::string text{std::istreambuf_iterator<char>(file), {}};
      fmt::print(stderr, "--- {}\n{}\n", log.path().string(),
                 text.substr(text.size() > 3000 ? text.size() - 3000 : 0));
    }
  }
}

fs::path Velo::binary(const std::string& name) {
  const std::string given = variable("VELO_TEST_BINARIES");
  return fs::path(given.empty() ? VELO_BINARY_DIR : given) / name;
}

std::vector<std::string> Velo::environment(const std::vector<std::string>& more) const {
  // The first of a name is the one that counts: what a test sets goes before what it is given.
  std::vector<std::string> all = more;
  all.insert(all.end(), extra_environment_.begin(), extra_environment_.end());
  const std::vector<std::string> usual = {
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HOME=" + base_.path().string(), "LANG=C.UTF-8", "VELO_HOME=" + home_.string(),
      // No test meets a daemon that is this machine's own.
      "DOCKER_HOST=" + (where_.runtime == "docker" ? docker_daemon().value_or("")
                                                   : "unix:///nonexistent/docker.sock")};
  all.insert(all.end(), usual.begin(), usual.end());
  return all;
}

Ran Velo::run(const std::vector<std::string>& arguments, const std::vector<std::string>& more,
              const std::string& input) const {
  Command command{.argv = {binary(binary_).string()},
                  .environment = environment(more),
                  .user = {},
                  .input = input};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  Ran ran;
  ran.command = "velo";
  for (const std::string& word : arguments) ran.command += " " + word;
  const Cancellation never;
  auto outcome = velo::run(command, command_patience(), never);
  if (!outcome) {
    ADD_FAILURE() << ran.command << ": " << outcome.error().message;
    return ran;
  }
  ran.exit_status = outcome->exit_status;
  ran.out = std::move(outcome->out);
  ran.err = std::move(outcome->err);
  return ran;
}

std::future<Ran> Velo::start(const std::string& line) const {
  return std::async(std::launch::async, [this, line] { return run(line); });
}

Ran Velo::ok(const std::vector<std::string>& arguments) const {
  Ran ran = run(arguments);
  EXPECT_EQ(ran.exit_status, 0) << ran.all();
  return ran;
}

Ran Velo::fails(int exit_status, const std::vector<std::string>& arguments) const {
  Ran ran = run(arguments);
  EXPECT_EQ(ran.exit_status, exit_status) << ran.all();
  EXPECT_NE(ran.err, "") << ran.all();
  EXPECT_EQ(ran.out, "") << ran.all();
  return ran;
}

Json Velo::json(const std::string& line) const {
  std::vector<std::string> arguments = words(line);
  arguments.emplace_back("--json");
  return Json::parse(ok(arguments).out);
}

std::vector<std::string> Velo::project_words(const std::string& name) const {
  std::vector<std::string> all = {"project",       "create",      name,
                                  "--storage",     where_.driver, "--pool",
                                  pool().string(), "--runtime",   where_.runtime};
  if (where_.major != 0) {
    all.insert(all.end(), {"--pg-version", std::to_string(where_.major)});
  }
  return all;
}

Ran Velo::create_project(const std::string& name, const std::string& more) const {
  std::vector<std::string> all = project_words(name);
  for (std::string& word : words(more)) all.push_back(std::move(word));
  return ok(all);
}

std::string Velo::url(const std::string& branch) const {
  std::string url = ok("branch url " + branch).out;
  while (url.ends_with('\n')) url.pop_back();
  return url;
}

Sql Velo::sql(const std::string& branch) const {
  Sql sql(url(branch));
  EXPECT_TRUE(sql.connected()) << branch << ": " << sql.error();
  return sql;
}

std::string Velo::value(const std::string& branch, const std::string& statement) const {
  return sql(branch).value(statement);
}

std::string Velo::state(const std::string& branch) const {
  return json("branch get " + branch).text("/branch/state");
}

int Velo::port(const std::string& branch) const {
  return static_cast<int>(json("branch get " + branch).number("/branch/port"));
}

fs::path Velo::data_directory(const std::string& branch) const {
  return json("branch get " + branch).text("/branch/data_directory");
}

int Velo::pid(const std::string& branch) const {
  const fs::path directory = data_directory(branch);
  for (const Server& server : servers_below(directory.parent_path())) {
    if (server.data_directory == directory) return server.pid;
  }
  return 0;
}

void Velo::kill_server(const std::string& branch) const {
  const fs::path directory = data_directory(branch);
  for (const int pid : processes_in(directory)) ::kill(pid, SIGKILL);
  EXPECT_TRUE(wait_until([&] { return processes_in(directory).empty(); })) << branch;
}

std::vector<std::string> Velo::volume_names() const {
  std::vector<std::string> names = pool_.volume_names();
  const Ran listed = run("snapshot list --json");
  if (listed.exit_status != 0) return names;
  const Json snapshots = Json::parse(listed.out);
  for (std::size_t i = 0; i < snapshots.size("/snapshots"); ++i) {
    const std::string snapshot = "/snapshots/" + std::to_string(i);
    if (snapshots.text(snapshot + "/purpose") != "base") continue;
    std::erase(names, snapshots.text(snapshot + "/volume"));
  }
  return names;
}

void E2eTest::set_up(const Where& where) {
  if (const std::string missing = missing_for(where); !missing.empty()) {
    if (places_are_required()) FAIL() << missing;
    GTEST_SKIP() << missing;
  }
  velo = std::make_unique<Velo>(where);
}

std::string param_name(const testing::TestParamInfo<Where>& info) {
  return name_of(info.param);
}

}  // namespace velo::test

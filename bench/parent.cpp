#include "bench/parent.h"

#include <fcntl.h>
#include <poll.h>

#include <csignal>

#include "base/files.h"
#include "base/text.h"
#include "base/time.h"

namespace velo::bench {
namespace {

using namespace std::chrono_literals;

/// 32 MB at scale 50, most of it whole pages: the first change of each after the checkpoint.
constexpr int wal_bytes_a_scale = 640 << 10;
constexpr auto load_patience = 5min;
constexpr auto end_patience = 20s;

Result<ServerTemplate> template_of(const BranchFacts& branch) {
  ServerTemplate found{
      .argv = {}, .data_directory = branch.data_directory, .run_directory = {}, .port = 0};
  const std::string words =
      TRY(read_file(fmt::format("/proc/{}/cmdline", branch.pid)));  // each ends in a NUL
  for (const std::string_view word : split(words, '\0')) {
    if (!word.empty()) found.argv.emplace_back(word);
  }
  constexpr std::string_view pid_file = "external_pid_file=";
  for (const std::string& word : found.argv) {
    if (word.starts_with(pid_file)) {
      found.run_directory = fs::path(word.substr(pid_file.size())).parent_path();
    }
  }
  found.port = branch.address.port;
  if (found.run_directory.empty()) {
    return fail(Errc::failed, "the command line of a server names no external_pid_file");
  }
  return found;
}

}  // namespace

Result<Parent> make_parent(const VeloHome& velo, const std::string& project,
                           const std::string& driver, const std::string& runtime,
                           const fs::path& place, int major, int scale) {
  fmt::print(stderr, "A parent on {} (PostgreSQL {}, scale {})\n", driver, major, scale);
  Parent parent{.project = project, .place = place, .main = {}, .user = {}, .server = {}};
  TRY(velo.run({"project", "create", project, "--storage", driver, "--runtime", runtime, "--pool",
                place.string(), "--pg-version", std::to_string(major)}));
  parent.main = TRY(velo.facts(parent.branch("main")));
  parent.user = TRY(owner_of(parent.main.data_directory));
  TRY(run_program({(debian_bin(15) / "pgbench").string(), "--initialize", "--quiet",
                   fmt::format("--scale={}", scale), parent.main.address.conninfo()},
                  plain_environment()));
  TRY(TRY(Client::connect(parent.main.address)).query("CHECKPOINT"));

  const std::string first = parent.branch("template");
  TRY(velo.run({"branch", "create", first}));
  parent.server = TRY(template_of(TRY(velo.facts(first))));
  TRY(velo.run({"branch", "delete", first, "--force"}));
  TRY(settle(place));
  return parent;
}

Result<Load> Load::start(const Parent& parent, const fs::path& log, int scale, const LoadHow& how) {
  std::vector<std::string> environment = plain_environment();
  if (how.commits == Commits::do_not_wait) {
    environment.emplace_back("PGOPTIONS=-csynchronous_commit=off");
  }
  const Fd output = TRY(open_file(log, O_WRONLY | O_CREAT | O_APPEND));
  Client client = TRY(Client::connect(parent.main.address));
  std::vector<std::string> argv{(debian_bin(15) / "pgbench").string(), "--no-vacuum",
                                fmt::format("--client={}", how.clients), "--jobs=2",
                                "--time=86400"};
  if (!how.transactions.empty()) {
    argv.insert(argv.end(), {"--log", "--log-prefix=" + how.transactions.string()});
  }
  argv.push_back(parent.main.address.conninfo());
  Process process = TRY(start_detached({.argv = std::move(argv),
                                        .environment = environment,
                                        .user = {},
                                        .directory = "/",
                                        .input = {}},
                                       output.get()));
  return Load(std::move(process), std::move(client), scale * wal_bytes_a_scale);
}

void Load::end() {
  if (!process_) return;
  const Process process = *std::exchange(process_, std::nullopt);
  static_cast<void>(process.signal(SIGINT));
  if (process.wait(end_patience).value_or(false)) return;
  static_cast<void>(process.signal(SIGKILL));
  static_cast<void>(process.wait(end_patience));
}

Result<void> Load::reach_steady_state() {
  TRY(client_.query("CHECKPOINT"));
  const std::string from = TRY(client_.value("SELECT pg_current_wal_insert_lsn()"));
  const std::string reached =
      fmt::format("SELECT pg_current_wal_insert_lsn() - '{}'::pg_lsn > {}", from, wal_bytes_);
  const Deadline deadline(load_patience);
  while (TRY(client_.value(reached)) != "t") {
    if (TRY(process_->wait(20ms))) return fail(Errc::failed, "pgbench ended by itself");
    if (deadline.passed()) return fail(Errc::failed, "pgbench makes no progress");
  }
  return {};
}

}  // namespace velo::bench

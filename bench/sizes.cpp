// What a branch takes of the disk that has just started: the blocks that are its own.
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/files.h"
#include "bench/groups.h"
#include "bench/tools.h"

namespace velo::bench {
namespace {

constexpr double kibibyte = 1024;
/// Of WAL in the parent before each branch, so that the rounds find the current segment filled more
/// and less.
constexpr int wal_between = 3 << 20;

Result<double> told_by_velo(const VeloHome& velo, const std::string& branch) {
  const std::string text = TRY(velo.run({"branch", "get", branch, "--json"})).out;
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer where("/branch/sizes/exclusive_bytes");
  if (json.is_discarded() || !json.contains(where) || !json.at(where).is_number()) {
    return fail(Errc::failed, "velo tells no size: {}", text);
  }
  return json.at(where).get<double>();
}

/// The kernel's own books of btrfs, which count trees as well as data, for as long as this lives.
class Quota {
 public:
  static Result<Quota> on(const fs::path& place) {
    TRY(btrfs({"quota", "enable", place.string()}));
    Quota quota(place);
    TRY(btrfs({"quota", "rescan", "-w", place.string()}));
    return quota;
  }
  Quota(Quota&& other) noexcept : place_(std::exchange(other.place_, {})) {}
  Quota& operator=(Quota&&) = delete;
  Quota(const Quota&) = delete;
  Quota& operator=(const Quota&) = delete;
  ~Quota() {
    if (!place_.empty()) static_cast<void>(btrfs({"quota", "disable", place_.string()}));
  }

  Result<double> exclusive(const fs::path& volume) const {
    const std::string text = TRY(btrfs({"qgroup", "show", "--raw", "-f", volume.string()}));
    // A line for the one group: "0/257  referenced  exclusive"
    const std::size_t at = text.find("\n0/");
    std::istringstream words(at == std::string::npos ? "" : text.substr(at));
    std::string group;
    double referenced = 0;
    double exclusive = 0;
    if (words >> group >> referenced >> exclusive) return exclusive;
    return fail(Errc::failed, "btrfs tells no size: {}", text);
  }

 private:
  explicit Quota(fs::path place) : place_(std::move(place)) {}
  static Result<std::string> btrfs(std::vector<std::string> words) {
    words.insert(words.begin(), "/usr/bin/btrfs");
    return TRY(run_program(std::move(words), plain_environment())).out;
  }
  fs::path place_;
};

}  // namespace

std::string size_title(const std::string& driver) {
  return fmt::format("What a branch has of its own after its first answered query, {}", driver);
}

Result<void> measure_sizes(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  Measured measured{.section = "sizes",
                    .title = size_title(parent.project),
                    .base = "",
                    .series = {{size_name, {}}},
                    .notes = {},
                    .unit = "KiB"};
  std::optional<Quota> quota;
  if (parent.project == "btrfs" && running_as_root()) {
    quota.emplace(TRY(Quota::on(parent.place)));
    measured.series.push_back({.name = "as btrfs counts it, its trees too", .samples = {}});
  }
  Client client = TRY(Client::connect(parent.main.address));
  fmt::print(stderr, "{}\n", measured.title);
  for (int round = 0; round < bench.options->rounds; ++round) {
    TRY(client.query(fmt::format("SELECT pg_logical_emit_message(false, 'bench', repeat('x', {}))",
                                 wal_between)));
    const std::string branch = fresh_branch(parent);
    TRY(create_and_ask(velo, branch));
    const BranchFacts facts = TRY(velo.facts(branch));
    TRY(settle(parent.place));
    measured.series[0].samples.push_back(TRY(told_by_velo(velo, branch)) / kibibyte);
    if (quota) {
      measured.series[1].samples.push_back(
          TRY(quota->exclusive(facts.data_directory.parent_path())) / kibibyte);
    }
    for (const Series& one : measured.series) fmt::print(stderr, "  {:.0f}", one.samples.back());
    fmt::print(stderr, "\n");
    TRY(delete_branch(velo, parent, branch));
  }
  bench.results.push_back(std::move(measured));
  return {};
}

}  // namespace velo::bench

// velo_bench: measures what options ask for, prints tables, writes JSON.
#include <cstdio>
#include <exception>

#include "base/files.h"
#include "base/text.h"
#include "bench/groups.h"
#include "bench/machine.h"
#include "bench/report.h"

namespace velo::bench {
namespace {

constexpr int main_major = 15;    ///< of which Debian has all the tools
constexpr int rivals_major = 18;  ///< the first with file_copy_method

/// A parent for each driver whose place there is, made when a section first asks for it.
class Parents {
 public:
  Parents(const Options& options, const VeloHome& velo) : options_(options), velo_(velo) {}

  Result<const Parent*> on(const std::string& driver, const fs::path& place) {
    return get(driver, driver, place, main_major);
  }
  Result<const Parent*> in_containers(const fs::path& place) {
    return get("docker", "btrfs", place, main_major, "docker");
  }
  Result<const Parent*> of_rivals_major(const fs::path& place) {
    return get("rivals", "reflink", place, rivals_major);
  }

 private:
  Result<const Parent*> get(const std::string& project, const std::string& driver,
                            const fs::path& place, int major,
                            const std::string& runtime = "native") {
    if (const auto made = made_.find(project); made != made_.end()) return &made->second;
    Parent parent = TRY(make_parent(velo_, project, driver, runtime, place, major, options_.scale));
    return &made_.emplace(project, std::move(parent)).first->second;
  }

  const Options& options_;
  const VeloHome& velo_;
  std::map<std::string, Parent> made_;
};

Result<void> measure_all(Bench& bench) {
  const Options& options = *bench.options;
  Parents parents(options, *bench.velo);
  if (options.wants("btrfs") && !options.btrfs.empty()) {
    TRY(measure_create(bench, *TRY(parents.on("btrfs", options.btrfs)), CloneHow::snapshot));
  }
  if (options.wants("reflink") && !options.xfs.empty()) {
    TRY(measure_create(bench, *TRY(parents.on("reflink", options.xfs)), CloneHow::reflink));
  }
  if (options.wants("copy") && !options.plain.empty()) {
    TRY(measure_create(bench, *TRY(parents.on("copy", options.plain)), CloneHow::copy));
  }
  if (options.wants("rivals") && !options.xfs.empty()) {
    if (!options.postgres.empty()) {
      TRY(measure_create_database(bench, *TRY(parents.of_rivals_major(options.xfs))));
    }
    TRY(measure_copying_rivals(bench, *TRY(parents.on("reflink", options.xfs))));
  }
  if (options.wants("life") && !options.btrfs.empty()) {
    TRY(measure_life(bench, *TRY(parents.on("btrfs", options.btrfs))));
  }
  if (options.wants("docker") && !options.btrfs.empty() && !options.docker.empty()) {
    TRY(measure_docker(bench, *TRY(parents.in_containers(options.btrfs))));
  }
  if (options.wants("status") && !options.btrfs.empty()) {
    TRY(measure_status(bench, *TRY(parents.on("btrfs", options.btrfs))));
  }
  if (options.wants("archive") && !options.btrfs.empty()) {
    TRY(measure_archive(bench, *TRY(parents.on("btrfs", options.btrfs))));
    TRY(measure_wal_info(bench, *TRY(parents.on("btrfs", options.btrfs))));
  }
  if (options.wants("replay") && !options.btrfs.empty()) {
    TRY(measure_replay(bench, *TRY(parents.on("btrfs", options.btrfs))));
  }
  return {};
}

/// A VELO_HOME of the bench's own, with the PostgreSQL 18 build where velo finds it.
Result<VeloHome> make_home(const Options& options) {
  VeloHome velo = TRY(VeloHome::make(options.velo, options.homes / "velo-bench", options.docker));
  if (options.postgres.empty()) return velo;
  TRY(create_directory(velo.root() / "postgres", 0755));
  std::error_code error;
  fs::create_directory_symlink(options.postgres / std::to_string(rivals_major),
                               velo.root() / "postgres" / std::to_string(rivals_major), error);
  if (error) return fail_errno(error.value(), "link the PostgreSQL 18 build");
  return velo;
}

void take_away(const VeloHome& velo) {
  for (const char* project : {"btrfs", "reflink", "copy", "rivals", "docker", "archived"}) {
    static_cast<void>(velo.run({"project", "delete", project, "--force"}));
  }
  static_cast<void>(remove_tree(velo.root()));
}

Result<void> run(const Options& options) {
  Facts machine = describe_machine(options);
  const VeloHome velo = TRY(make_home(options));
  // As users have it: what is measured archives, unless the default is another one day.
  const std::string archiving = TRY(velo.run({"config", "get", "archive"})).out;
  machine.emplace_back("archiving of WAL", std::string(trim(archiving)));
  Bench bench{.options = &options, .velo = &velo, .results = {}};
  const auto measured = measure_all(bench);
  take_away(velo);
  TRY(measured);
  const std::vector<Target> targets = targets_of(bench.results, options);
  fmt::print("{}", to_tables(machine, bench.results, targets));
  if (options.out.empty()) return {};
  return write_file(options.out, to_json(machine, bench.results, targets), 0644);
}

int run_words(const std::vector<std::string>& words) {
  const auto options = parse_options(words);
  if (!options) {
    fmt::print(stderr, "velo_bench: {}\n{}", options.error().message, usage());
    return exit_code_of(Errc::usage);
  }
  if (options->help) {
    fmt::print("{}", usage());
    return 0;
  }
  if (const auto done = run(*options); !done) {
    fmt::print(stderr, "velo_bench: {}\n{}", done.error().message, done.error().detail);
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace velo::bench

int main(int argc, char** argv) {
  try {
    return velo::bench::run_words({argv + 1, argv + argc});
  } catch (const std::exception& exception) {
    fmt::print(stderr, "velo_bench: {}\n", exception.what());
    return 1;
  }
}

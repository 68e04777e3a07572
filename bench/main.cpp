// velo_bench: measures what options ask for, prints tables, writes JSON.
#include <cstdio>
#include <exception>
#include <functional>

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
  /// With little data: of which there are to be many branches.
  Result<const Parent*> small_on(const std::string& driver, const fs::path& place) {
    return get("small-" + driver, driver, place, main_major, "native", 1);
  }
  Result<const Parent*> small_of_rivals_major(const fs::path& place) {
    return get("small-rivals", "reflink", place, rivals_major, "native", 1);
  }
  Result<const Parent*> of_rivals_major(const fs::path& place) {
    return get("rivals", "reflink", place, rivals_major);
  }

 private:
  Result<const Parent*> get(const std::string& project, const std::string& driver,
                            const fs::path& place, int major, const std::string& runtime = "native",
                            int scale = 0) {
    if (const auto made = made_.find(project); made != made_.end()) return &made->second;
    Parent parent = TRY(make_parent(velo_, project, driver, runtime, place, major,
                                    scale == 0 ? options_.scale : scale));
    return &made_.emplace(project, std::move(parent)).first->second;
  }

  const Options& options_;
  const VeloHome& velo_;
  std::map<std::string, Parent> made_;
};

/// A part of a run, measured where it is asked for and the machine has what it needs.
struct Section {
  std::string name;
  bool possible;
  std::function<Result<void>()> measure;
};

std::vector<Section> sections_of(Bench& bench, Parents& parents) {
  const Options& options = *bench.options;
  const auto create_on = [&](const std::string& driver, const fs::path& place, CloneHow how) {
    return Section{
        .name = driver, .possible = !place.empty(), .measure = [&, driver, how]() -> Result<void> {
          return measure_create(bench, *TRY(parents.on(driver, place)), how);
        }};
  };
  const auto on_btrfs = [&](const std::string& name,
                            Result<void> (*measure)(Bench&, const Parent&)) {
    return Section{.name = name,
                   .possible = !options.btrfs.empty(),
                   .measure = [&, measure]() -> Result<void> {
                     return measure(bench, *TRY(parents.on("btrfs", options.btrfs)));
                   }};
  };
  const auto many_on = [&](const std::string& driver, const fs::path& place, CloneHow how) {
    return Section{.name = driver == "btrfs" ? "many" : "many-" + driver,
                   .possible = !place.empty(),
                   .measure = [&, driver, how]() -> Result<void> {
                     return measure_many(bench, *TRY(parents.small_on(driver, place)), driver, how);
                   }};
  };
  const auto on_xfs = [&](const std::string& name, Result<void> (*measure)(Bench&, const Parent&)) {
    return Section{
        .name = name, .possible = !options.xfs.empty(), .measure = [&, measure]() -> Result<void> {
          return measure(bench, *TRY(parents.on("reflink", options.xfs)));
        }};
  };
  return {
      create_on("btrfs", options.btrfs, CloneHow::snapshot),
      create_on("reflink", options.xfs, CloneHow::reflink),
      create_on("copy", options.plain, CloneHow::copy),
      {.name = "rivals",
       .possible = !options.xfs.empty() && !options.postgres.empty(),
       .measure = [&]() -> Result<void> {
         return measure_create_database(bench, *TRY(parents.of_rivals_major(options.xfs)));
       }},
      {.name = "rivals",
       .possible = !options.xfs.empty(),
       .measure = [&]() -> Result<void> {
         return measure_copying_rivals(bench, *TRY(parents.on("reflink", options.xfs)));
       }},
      on_btrfs("life", &measure_life),
      {.name = "docker",
       .possible = !options.btrfs.empty() && !options.docker.empty(),
       .measure = [&]() -> Result<void> {
         return measure_docker(bench, *TRY(parents.in_containers(options.btrfs)));
       }},
      on_btrfs("status", &measure_status),
      on_btrfs("pool", &measure_pool),
      on_btrfs("archive", &measure_archive),
      on_btrfs("archive", &measure_wal_info),
      on_btrfs("replay", &measure_replay),
      {.name = "at-once",
       .possible = !options.btrfs.empty(),
       .measure = [&]() -> Result<void> {
         return measure_at_once(bench, *TRY(parents.small_on("btrfs", options.btrfs)));
       }},
      {.name = "at-once",
       .possible = !options.xfs.empty() && !options.postgres.empty(),
       .measure = [&]() -> Result<void> {
         return measure_at_once_beside_databases(bench,
                                                 *TRY(parents.small_of_rivals_major(options.xfs)));
       }},
      many_on("btrfs", options.btrfs, CloneHow::snapshot),
      many_on("reflink", options.xfs, CloneHow::reflink),
      {.name = "stopped",
       .possible = !options.btrfs.empty(),
       .measure = [&]() -> Result<void> {
         return measure_stopped(bench, *TRY(parents.small_on("btrfs", options.btrfs)));
       }},
      on_btrfs("busy", &measure_busy),
      on_btrfs("tps", &measure_tps),
      on_xfs("tps", &measure_tps),
      on_btrfs("depth", &measure_depth),
      on_xfs("depth", &measure_depth),
      on_btrfs("sizes", &measure_sizes),
      on_xfs("sizes", &measure_sizes),
  };
}

/// Keeps what there is after each section: a run that is stopped has its figures too.
Result<void> measure_all(Bench& bench, const std::function<Result<void>()>& keep) {
  Parents parents(*bench.options, *bench.velo);
  for (const Section& section : sections_of(bench, parents)) {
    if (!section.possible || !bench.options->wants(section.name)) continue;
    TRY(section.measure());
    TRY(keep());
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
  for (const char* project : {"btrfs", "reflink", "copy", "rivals", "docker", "archived",
                              "small-btrfs", "small-reflink", "small-rivals"}) {
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
  Bench bench{.options = &options, .velo = &velo, .results = {}, .pictures = {}};
  const auto keep = [&]() -> Result<void> {
    if (options.out.empty()) return {};
    for (const auto& [name, svg] : bench.pictures) {
      TRY(write_file(options.out.parent_path() / (name + ".svg"), svg, 0644));
    }
    return write_file(options.out,
                      to_json(machine, bench.results, targets_of(bench.results, options)), 0644);
  };
  const auto measured = measure_all(bench, keep);
  take_away(velo);
  TRY(measured);
  fmt::print("{}", to_tables(machine, bench.results, targets_of(bench.results, options)));
  return {};
}

int run_words(const std::vector<std::string>& words) {
  if (words.size() == 1 && words.front() == first_query_word) return tell_first_query() ? 0 : 1;
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

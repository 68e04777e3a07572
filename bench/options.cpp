#include "bench/options.h"

#include <charconv>

#include "base/text.h"

namespace velo::bench {
namespace {

Result<int> positive(const std::string& flag, const std::string& text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, status] = std::from_chars(text.data(), end, number);
  if (status != std::errc{} || stop != end || number < 1) {
    return fail(Errc::usage, "{} takes a number from 1 on, not '{}'", flag, text);
  }
  return number;
}

Result<std::set<std::string>> sections_of(const std::string& text) {
  std::set<std::string> wanted;
  for (const std::string_view word : split(text, ',')) {
    const std::string name(word);
    if (std::ranges::find(all_sections(), name) == all_sections().end()) {
      return fail(Errc::usage, "there is no section '{}', only {}", name,
                  join_words(all_sections()));
    }
    wanted.insert(name);
  }
  return wanted;
}

/// A minute's worth of it: enough to see that everything still runs, too little for a figure.
void make_quick(Options& options) {
  options.scale = 1;
  options.rounds = 2;
  options.branches = 4;
  options.many = 4;
  options.stopped = 4;
  options.seconds = 1;
}

}  // namespace

const std::vector<std::string>& all_sections() {
  static const std::vector<std::string> all{
      "btrfs",  "reflink", "copy",    "rivals", "life",         "status",
      "docker", "pool",    "archive", "replay", "busy",         "tps",
      "depth",  "sizes",   "at-once", "many",   "many-reflink", "stopped"};
  return all;
}

std::string usage() {
  return fmt::format(
      "velo_bench --velo FILE --homes DIR [--btrfs DIR] [--xfs DIR] [--plain DIR]\n"
      "           [--postgres DIR] [--docker unix:///SOCKET] [options]\n"
      "\n"
      "  --sections A,B   only these of {}\n"
      "  --scale N        pgbench's scale of the parents' data, 15 MB each (50)\n"
      "  --rounds N       how often each thing is measured (7)\n"
      "  --branches N     the most branches that status is measured with (100)\n"
      "  --many N         running branches in the sections many and many-reflink (1000)\n"
      "  --stopped N      branches in the section stopped (10000)\n"
      "  --seconds N      how long each run of pgbench takes in tps and depth (10)\n"
      "  --quick          scale 1, 2 rounds, 4 branches, 1 second\n"
      "  --out FILE       write everything as JSON\n",
      join_words(all_sections()));
}

Result<Options> parse_options(const std::vector<std::string>& words) {
  Options options;
  const std::map<std::string, fs::path*> paths{
      {"--velo", &options.velo}, {"--homes", &options.homes}, {"--btrfs", &options.btrfs},
      {"--xfs", &options.xfs},   {"--plain", &options.plain}, {"--postgres", &options.postgres},
      {"--out", &options.out},
  };
  const std::map<std::string, int*> numbers{
      {"--scale", &options.scale},       {"--rounds", &options.rounds},
      {"--branches", &options.branches}, {"--many", &options.many},
      {"--stopped", &options.stopped},   {"--seconds", &options.seconds}};
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& flag = words[i];
    if (flag == "--help" || flag == "-h") {
      options.help = true;
      return options;
    }
    if (flag == "--quick") {
      make_quick(options);
      continue;
    }
    if (!paths.contains(flag) && !numbers.contains(flag) && flag != "--sections" &&
        flag != "--docker") {
      return fail(Errc::usage, "there is no option '{}'", flag);
    }
    if (i + 1 == words.size()) return fail(Errc::usage, "{} takes a value", flag);
    const std::string& value = words[++i];
    if (const auto path = paths.find(flag); path != paths.end()) {
      *path->second = fs::absolute(value);
    } else if (const auto number = numbers.find(flag); number != numbers.end()) {
      *number->second = TRY(positive(flag, value));
    } else if (flag == "--docker") {
      options.docker = value;
    } else {
      options.sections = TRY(sections_of(value));
    }
  }
  if (options.velo.empty() || options.homes.empty()) {
    return fail(Errc::usage, "--velo and --homes are needed");
  }
  return options;
}

}  // namespace velo::bench

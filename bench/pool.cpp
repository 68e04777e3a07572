// Branches that are ready: `velo run` and `velo branch create --from-pool`, beside the same without
// a pool.
#include <time.h>

#include <charconv>
#include <cstdlib>

#include "base/text.h"
#include "base/time.h"
#include "bench/groups.h"

namespace velo::bench {
namespace {

using namespace std::chrono_literals;

constexpr int pool_size = 2;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::chrono::nanoseconds clock_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

/// From before velo's exec until the command that it runs has its first answer.
Result<Millis> run_and_ask(const VeloHome& velo, std::vector<std::string> words) {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  words.insert(words.end(), {"--", self.string(), std::string(first_query_word)});
  const auto begun = clock_now();
  const std::string out = TRY(velo.run(words)).out;
  std::int64_t answered = 0;
  const std::string_view digits = trim(out);
  std::from_chars(digits.data(), digits.data() + digits.size(), answered);
  return std::chrono::duration_cast<Millis>(std::chrono::nanoseconds(answered) - begun);
}

Result<Millis> create(const VeloHome& velo, const Parent& parent) {
  const std::string branch = fresh_branch(parent);
  const Millis took = TRY(create_and_ask(velo, branch));
  TRY(delete_branch(velo, parent, branch));
  return took;
}

}  // namespace

Result<void> set_pool(const VeloHome& velo, const Parent& parent) {
  TRY(velo.run({"pool", "set", parent.branch("main"), "--size", fmt::format("{}", pool_size)}));
  return {};
}

Result<void> await_pool(const VeloHome& velo, const Parent& parent) {
  const Deadline deadline(2min);
  const std::string filled = fmt::format("\"ready\": {},", pool_size);
  while (TRY(velo.run({"pool", "list", "--json"})).out.find(filled) == std::string::npos) {
    if (deadline.passed()) return fail(Errc::failed, "the pool does not fill");
    TRY(settle(parent.place));
  }
  // Nobody looks after it any more by the time that this is at rest.
  TRY(settle(parent.place));
  return settle(parent.place);
}

Result<Millis> take_and_ask(const VeloHome& velo, const Parent& parent, Clock clock) {
  const std::string branch = fresh_branch(parent);
  const Millis taken =
      TRY(velo.run({"branch", "create", branch, "--from-pool", "--parent", parent.branch("main")}))
          .took;
  const Address address = TRY(velo.address(branch));
  const Stopwatch watch;
  TRY(first_query(address));
  Millis took = watch.elapsed();
  if (clock == Clock::from_exec) took += taken;
  TRY(delete_branch(velo, parent, branch));
  return took;
}

Result<void> remove_pool(const VeloHome& velo, const Parent& parent) {
  TRY(velo.run({"pool", "remove", parent.branch("main")}));
  return settle(parent.place);
}

Result<void> tell_first_query() {
  TRY(first_query({.host = variable("PGHOST"),
                   .port = std::atoi(variable("PGPORT").c_str()),
                   .user = variable("PGUSER"),
                   .password = variable("PGPASSWORD"),
                   .database = variable("PGDATABASE")}));
  fmt::print("{}\n", clock_now().count());
  return {};
}

Result<void> measure_pool(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  const std::string main = parent.branch("main");
  TRY(set_pool(velo, parent));
  bench.results.push_back(TRY(run_rounds(
      {.section = "pool",
       .title = pool_title,
       .base = "create",
       .cases = {{create_name, [&] { return create(velo, parent); }},
                 {"velo run --no-pool",
                  [&] { return run_and_ask(velo, {"run", main, "--no-pool"}); }},
                 {run_from_pool, [&] { return run_and_ask(velo, {"run", main}); }},
                 {create_from_pool, [&] { return take_and_ask(velo, parent, Clock::from_exec); }},
                 {"of which connect and query",
                  [&] { return take_and_ask(velo, parent, Clock::from_connect); }}},
       .prepare = [&] { return await_pool(velo, parent); },
       .notes = {}},
      bench.options->rounds)));
  return remove_pool(velo, parent);
}

}  // namespace velo::bench

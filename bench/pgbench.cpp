#include "bench/pgbench.h"

#include <array>
#include <fstream>
#include <sstream>

#include "base/files.h"
#include "base/text.h"
#include "bench/tools.h"

namespace velo::bench {
namespace {

/// The number behind `words` in a text, and what follows it.
Result<double> number_after(const std::string& text, const std::string& words) {
  const std::size_t at = text.find(words);
  if (at == std::string::npos) return fail(Errc::failed, "pgbench tells no {}: {}", words, text);
  return std::strtod(text.c_str() + at + words.size(), nullptr);
}

}  // namespace

Result<Throughput> run_pgbench(const Address& address, Work work, int seconds) {
  std::vector<std::string> argv{(debian_bin(15) / "pgbench").string(),     "--no-vacuum",
                                fmt::format("--client={}", bench_clients), "--jobs=2",
                                fmt::format("--time={}", seconds),         "--progress=1"};
  if (work == Work::reads) argv.emplace_back("--select-only");
  argv.push_back(address.conninfo());
  const Ran ran = TRY(run_program(std::move(argv), plain_environment()));
  Throughput found{.tps = TRY(number_after(ran.out, "\ntps = ")), .seconds = {}};
  // "progress: 1.0 s, 1234.5 tps, lat 6.4 ms stddev 3.1, 0 failed"
  for (const std::string_view line : lines_of(ran.err)) {
    if (line.starts_with("progress: ")) {
      found.seconds.push_back(TRY(number_after(std::string(line), " s, ")));
    }
  }
  return found;
}

Result<std::vector<Transaction>> read_transactions(const fs::path& prefix) {
  std::vector<Transaction> found;
  const std::string begin = prefix.filename().string() + ".";
  for (const std::string& name : TRY(list_directory(prefix.parent_path()))) {
    if (!name.starts_with(begin)) continue;
    std::ifstream in(prefix.parent_path() / name);
    for (std::string line; std::getline(in, line);) {
      // client, number, latency in µs, script, seconds and µs of its end
      std::istringstream words(line);
      std::array<double, 6> fields{};
      std::size_t count = 0;
      while (count < fields.size() && words >> fields.at(count)) ++count;
      if (count < fields.size()) continue;  // the last line of one that was ended
      found.push_back({.ended = fields[4] + fields[5] / 1e6, .latency = fields[2] / 1e3});
    }
  }
  if (found.empty()) return fail(Errc::failed, "pgbench has logged no transaction");
  return found;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double p99_in(const std::vector<Transaction>& transactions, const std::vector<Window>& windows) {
  std::vector<double> latencies;
  for (const Transaction& one : transactions) {
    const double began = one.ended - one.latency / 1e3;
    if (std::ranges::any_of(windows, [&](const Window& window) {
          return one.ended >= window.from && began <= window.to;
        })) {
      latencies.push_back(one.latency);
    }
  }
  if (latencies.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(latencies.size() * 99 / 100);
  std::ranges::nth_element(latencies, latencies.begin() + at);
  return latencies[static_cast<std::size_t>(at)];
}

Result<void> read_through(const fs::path& pgdata) {
  constexpr std::size_t at_once = 1U << 20U;
  std::vector<char> buffer(at_once);
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(pgdata / "base", error)) {
    if (!entry.is_regular_file(error)) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()))) {
    }
  }
  if (error) return fail_errno(error.value(), fmt::format("read {}", pgdata.string()));
  return {};
}

}  // namespace velo::bench

// pgbench, run to its end, and what it tells.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/client.h"
#include "bench/statistics.h"

namespace velo::bench {

namespace fs = std::filesystem;

inline constexpr int bench_clients = 8;

enum class Work { reads, writes };  ///< --select-only, or what pgbench does by default

struct Throughput {
  double tps = 0;
  std::vector<double> seconds;  ///< the same of each second
};
/// pgbench with eight clients for so many seconds.
Result<Throughput> run_pgbench(const Address& address, Work work, int seconds);

/// One transaction of those that pgbench's --log tells of.
struct Transaction {
  double ended = 0;    ///< seconds since 1970
  double latency = 0;  ///< milliseconds
};
/// Of all logs whose names begin with `prefix` ("PREFIX.PID", "PREFIX.PID.1"), in no order.
Result<std::vector<Transaction>> read_transactions(const fs::path& prefix);

/// From when to when something was done, in seconds since 1970.
struct Window {
  double from = 0;
  double to = 0;
};
double seconds_now();
/// The latency that one of a hundred transactions exceeds, of those that were under way in one of
/// the windows at least for a moment; 0 when none was.
double p99_in(const std::vector<Transaction>& transactions, const std::vector<Window>& windows);

/// Reads all files of a cluster once, so that the kernel has them in memory.
Result<void> read_through(const fs::path& pgdata);

}  // namespace velo::bench

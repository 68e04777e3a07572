// `velo wal info` on an archive of a great many segments.
#include <nlohmann/json.hpp>

#include "archive/store.h"
#include "base/files.h"
#include "bench/groups.h"
#include "bench/tools.h"
#include "postgres/wal.h"

namespace velo::bench {
namespace {

constexpr std::uint64_t segments = 20'000;

/// The archive of a project's main branch; filled behind its first segments with links to one.
Result<void> fill_archive(const VeloHome& velo, const fs::path& archive) {
  const auto entries = TRY(archive::Store(archive).list());
  if (entries.empty()) return fail(Errc::failed, "nothing was archived in {}", archive.string());
  const auto last = postgres::parse_wal_name(entries.back().name);
  if (!last) return fail(Errc::failed, "no segment is the last in {}", archive.string());
  const fs::path content = archive / (entries.back().name + ".zst");
  const fs::path second = velo.root() / "content";  // a file has 65,000 names at the most
  std::error_code error;
  fs::copy_file(content, second, error);
  for (std::uint64_t i = 1; i <= segments && !error; ++i) {
    const auto name = postgres::later_segment(*last, i, postgres::default_segment_size);
    fs::create_hard_link(second, archive / (to_string(name) + ".zst"), error);
  }
  if (error) return fail_errno(error.value(), "fill an archive");
  return {};
}

Result<void> measure(Bench& bench, const std::string& branch) {
  const VeloHome& velo = *bench.velo;
  Client client = TRY(Client::connect(TRY(velo.address(branch))));
  TRY(client.query("SELECT pg_logical_emit_message(true, 'bench', 'x')"));
  const std::string segment = TRY(client.value("SELECT pg_walfile_name(pg_switch_wal())"));
  const std::string archived =
      fmt::format("SELECT last_archived_wal >= '{}' FROM pg_stat_archiver", segment);
  const Deadline deadline(std::chrono::minutes(1));
  while (TRY(client.value(archived)) != "t") {
    if (deadline.passed()) return fail(Errc::failed, "the first segment is not archived");
    TRY(client.query("SELECT pg_sleep(0.05)"));
  }
  const auto said = nlohmann::json::parse(TRY(velo.run({"wal", "info", branch, "--json"})).out);
  TRY(fill_archive(velo, said["wal"][0]["archive"].get<std::string>()));
  bench.results.push_back(TRY(run_rounds(
      {.section = "archive",
       .title = wal_info_title,
       .base = "",
       .cases = {{"velo wal info",
                  [&]() -> Result<Millis> { return TRY(velo.run({"wal", "info", branch})).took; }}},
       .prepare = {},
       .notes = {}},
      bench.options->rounds)));
  return {};
}

}  // namespace

Result<void> measure_wal_info(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  TRY(velo.run({"project", "create", "archived", "--storage", "btrfs", "--runtime", "native",
                "--pool", parent.place.string()}));
  auto measured = measure(bench, "archived/main");
  TRY(velo.run({"project", "delete", "archived", "--force"}));
  return measured;
}

}  // namespace velo::bench

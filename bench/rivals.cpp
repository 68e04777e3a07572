// What people would use instead of a branch.
#include <csignal>

#include "base/time.h"
#include "bench/groups.h"

namespace velo::bench {
namespace {

constexpr const char* copy_name = "rival";  ///< the database that the copies are made into

Result<Millis> create_branch(const VeloHome& velo, const Parent& parent) {
  const std::string branch = fresh_branch(parent);
  const Millis took = TRY(create_and_ask(velo, branch));
  TRY(delete_branch(velo, parent, branch));
  return took;
}

Result<Client> administrator(const Parent& parent) {
  return Client::connect(parent.main.address.in("template1"));
}

/// CREATE DATABASE over an open connection, and the first query in it.
Result<Millis> create_database(const Parent& parent, const std::string& options) {
  Client client = TRY(administrator(parent));
  if (options.find("FILE_COPY") != std::string::npos) {
    TRY(client.query("SET file_copy_method = clone"));
  }
  const std::string source = parent.main.address.database;
  const Stopwatch watch;
  TRY(client.query(fmt::format("CREATE DATABASE {} TEMPLATE {} {}", copy_name, source, options)));
  TRY(first_query(parent.main.address.in(copy_name)));
  const Millis took = watch.elapsed();
  TRY(client.query(fmt::format("DROP DATABASE {} WITH (FORCE)", copy_name)));
  TRY(client.query("CHECKPOINT"));
  TRY(settle(parent.place));
  return took;
}

/// What CREATE DATABASE says while somebody else works in the database.
Result<std::string> refusal(const Parent& parent) {
  const Client somebody = TRY(Client::connect(parent.main.address));
  const auto made = create_database(parent, "STRATEGY FILE_COPY");
  return made ? "CREATE DATABASE worked although another session was connected to its template"
              : "While anybody else is connected to the parent, CREATE DATABASE is refused: " +
                    made.error().message;
}

Result<Millis> base_backup(const Parent& parent) {
  FloorServer server = TRY(FloorServer::prepare(parent, CloneHow::copy));
  const Stopwatch watch;
  TRY(clone_by_base_backup(server, parent));
  TRY(server.start());
  const Millis took = watch.elapsed();
  TRY(server.stop(SIGQUIT));
  TRY(server.remove());
  TRY(settle(parent.place));
  return took;
}

Result<Millis> dump_and_restore(const Parent& parent) {
  Client client = TRY(administrator(parent));
  const Address& source = parent.main.address;
  const fs::path bin = debian_bin(15);
  const Stopwatch watch;
  TRY(client.query(fmt::format("CREATE DATABASE {}", copy_name)));
  constexpr auto piped =
      R"(set -o pipefail; "$1" --format=custom --compress=0 --dbname="$2" | "$3" --dbname="$4")";
  TRY(run_program({"/bin/bash", "-c", piped, "bash", (bin / "pg_dump").string(), source.conninfo(),
                   (bin / "pg_restore").string(), source.in(copy_name).conninfo()},
                  plain_environment()));
  TRY(first_query(source.in(copy_name)));
  const Millis took = watch.elapsed();
  TRY(client.query(fmt::format("DROP DATABASE {} WITH (FORCE)", copy_name)));
  TRY(client.query("CHECKPOINT"));
  TRY(settle(parent.place));
  return took;
}

Group copying_group(const Bench& bench, const Parent& parent, bool loaded) {
  return {.section = "rivals",
          .title = fmt::format("Beside copying the data, XFS, PostgreSQL 15, parent {}",
                               loaded ? "under pgbench" : "idle"),
          .base = "velo",
          .cases = {{create_name,
                     [&parent, velo = bench.velo] { return create_branch(*velo, parent); }},
                    {"pg_basebackup and start", [&parent] { return base_backup(parent); }},
                    {"pg_dump | pg_restore", [&parent] { return dump_and_restore(parent); }}},
          .prepare = {},
          .notes = {}};
}

}  // namespace

Result<void> clone_by_base_backup(FloorServer& server, const Parent& parent) {
  return server.clone_by([&](const fs::path& pgdata) -> Result<void> {
    TRY(run_program({(debian_bin(15) / "pg_basebackup").string(), "--checkpoint=fast", "--pgdata",
                     pgdata.string(), "--dbname", parent.main.address.conninfo()},
                    plain_environment(),
                    running_as_root() ? std::optional(parent.user) : std::nullopt));
    return {};
  });
}

Result<void> measure_copying_rivals(Bench& bench, const Parent& parent) {
  const int rounds = bench.options->rounds;
  bench.results.push_back(TRY(run_rounds(copying_group(bench, parent, false), rounds)));
  Load load =
      TRY(Load::start(parent, bench.velo->root() / "rivals-pgbench.log", bench.options->scale));
  Group loaded = copying_group(bench, parent, true);
  loaded.prepare = [&load] { return load.reach_steady_state(); };
  bench.results.push_back(TRY(run_rounds(loaded, rounds)));
  return {};
}

Result<void> measure_create_database(Bench& bench, const Parent& parent) {
  const VeloHome& velo = *bench.velo;
  const Group group{
      .section = "rivals",
      .title = "Beside CREATE DATABASE, XFS, PostgreSQL 18, parent idle",
      .base = "velo",
      .cases = {{create_name, [&] { return create_branch(velo, parent); }},
                {create_from_pool, [&] { return take_and_ask(velo, parent, Clock::from_exec); }},
                {"STRATEGY FILE_COPY, cloned",
                 [&parent] { return create_database(parent, "STRATEGY FILE_COPY"); }},
                {"TEMPLATE", [&parent] { return create_database(parent, ""); }}},
      .prepare = [&] { return await_pool(velo, parent); },
      .notes = {TRY(refusal(parent))}};
  TRY(set_pool(velo, parent));
  bench.results.push_back(TRY(run_rounds(group, bench.options->rounds)));
  return remove_pool(velo, parent);
}

}  // namespace velo::bench

// Sixteen branches at once, beside one after the other, and beside PostgreSQL's own clone of files.
#include <nlohmann/json.hpp>
#include <thread>

#include "base/time.h"
#include "bench/groups.h"

namespace velo::bench {
namespace {

constexpr int how_many = 16;
/// A role that all branches have from their parent, so that no time goes into asking for passwords.
constexpr const char* role = "asker";

Result<Address> make_asker(const Parent& parent) {
  Client client = TRY(Client::connect(parent.main.address));
  TRY(
      client.query(fmt::format("DROP ROLE IF EXISTS {0}; CREATE ROLE {0} LOGIN PASSWORD '{0}' IN "
                               "ROLE pg_read_all_data",
                               role)));
  TRY(client.query("CHECKPOINT"));
  Address address = parent.main.address;
  address.user = role;
  address.password = role;
  return address;
}

/// Of how_many threads the first error.
template <class Work>
Result<void> side_by_side(const Work& work) {
  std::vector<Result<void>> done(how_many);
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < how_many; ++i) {
      threads.emplace_back([&, i] { done[static_cast<std::size_t>(i)] = work(i); });
    }
  }
  for (const Result<void>& one : done) TRY(Result<void>(one));
  return {};
}

template <class Work>
Result<void> one_by_one(const Work& work) {
  for (int i = 0; i < how_many; ++i) TRY(work(i));
  return {};
}

class AtOnce {
 public:
  AtOnce(const Bench& bench, const Parent& parent, Address asker)
      : velo_(bench.velo), parent_(&parent), asker_(std::move(asker)) {}

  Result<Millis> in_turn() const {
    return measure([&] { return one_by_one([&](int i) { return create(i); }); });
  }
  Result<Millis> by_processes() const {
    return measure([&] { return side_by_side([&](int i) { return create(i); }); });
  }
  Result<Millis> by_count() const {
    return measure([&]() -> Result<void> {
      const Ran ran = TRY(velo_->run({"branch", "create", parent_->project, "--prefix", "w",
                                      "--count", std::to_string(how_many), "--json"}));
      const auto document = nlohmann::json::parse(ran.out, nullptr, false);
      if (!document.contains("branches") || document["branches"].size() != how_many) {
        return fail(Errc::failed, "velo did not make them all: {}", ran.out);
      }
      return side_by_side([&](int i) {
        return first_query(asker_.at(document["branches"][static_cast<std::size_t>(i)].at("port")));
      });
    });
  }

 private:
  std::string name(int i) const { return parent_->branch(fmt::format("w{}", i + 1)); }

  Result<void> create(int i) const {
    const Ran ran = TRY(velo_->run({"branch", "create", name(i), "--json"}));
    const auto document = nlohmann::json::parse(ran.out, nullptr, false);
    if (!document.contains("branch")) return fail(Errc::failed, "velo said {}", ran.out);
    return first_query(asker_.at(document["branch"].at("port")));
  }

  template <class Make>
  Result<Millis> measure(const Make& make) const {
    const Stopwatch watch;
    TRY(make());
    const Millis took = watch.elapsed();
    TRY(one_by_one([&](int i) -> Result<void> {
      TRY(velo_->run({"branch", "delete", name(i), "--force"}));
      return {};
    }));
    TRY(settle(parent_->place));
    return took;
  }

  const VeloHome* velo_;
  const Parent* parent_;
  Address asker_;
};

/// CREATE DATABASE with file_copy_method = clone, each over a connection of its own that is open.
class Databases {
 public:
  Databases(const Parent& parent, Address asker) : parent_(&parent), asker_(std::move(asker)) {}

  Result<Millis> in_turn() {
    return measure([&](auto& clients) {
      return one_by_one([&](int i) { return create(clients[static_cast<std::size_t>(i)], i); });
    });
  }
  Result<Millis> over_connections() {
    return measure([&](auto& clients) {
      return side_by_side([&](int i) { return create(clients[static_cast<std::size_t>(i)], i); });
    });
  }

 private:
  static std::string name(int i) { return fmt::format("w{}", i + 1); }

  Result<void> create(Client& client, int i) const {
    TRY(client.query(fmt::format("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY", name(i),
                                 parent_->main.address.database)));
    return first_query(asker_.in(name(i)));
  }

  template <class Make>
  Result<Millis> measure(const Make& make) const {
    std::vector<Client> clients;
    for (int i = 0; i < how_many; ++i) {
      clients.push_back(TRY(Client::connect(parent_->main.address.in("template1"))));
      TRY(clients.back().query("SET file_copy_method = clone"));
    }
    const Stopwatch watch;
    TRY(make(clients));
    const Millis took = watch.elapsed();
    TRY(one_by_one([&](int i) -> Result<void> {
      TRY(clients.front().query(fmt::format("DROP DATABASE {} WITH (FORCE)", name(i))));
      return {};
    }));
    TRY(clients.front().query("CHECKPOINT"));
    TRY(settle(parent_->place));
    return took;
  }

  const Parent* parent_;
  Address asker_;
};

std::string a_second(const Measured& group) {
  std::vector<std::string> words;
  for (const Series& series : group.series) {
    words.push_back(
        fmt::format("{} {:.1f}", series.name, how_many * 1000 / summarize(series.samples).median));
  }
  return fmt::format("Branches a second: {}.", fmt::join(words, "; "));
}

Result<void> measure_group(Bench& bench, const Group& group) {
  Measured measured = TRY(run_rounds(group, bench.options->rounds));
  measured.notes.push_back(a_second(measured));
  bench.results.push_back(std::move(measured));
  return {};
}

}  // namespace

std::string at_once_title(const std::string& driver) {
  return fmt::format("{} branches, each to its first answered query, {}", how_many, driver);
}

Result<void> measure_at_once(Bench& bench, const Parent& parent) {
  const AtOnce velo(bench, parent, TRY(make_asker(parent)));
  return measure_group(bench, {.section = "at-once",
                               .title = at_once_title("btrfs"),
                               .base = "in turn",
                               .cases = {{at_once_in_turn, [&] { return velo.in_turn(); }},
                                         {at_once_processes, [&] { return velo.by_processes(); }},
                                         {at_once_count, [&] { return velo.by_count(); }}},
                               .prepare = {},
                               .notes = {}});
}

Result<void> measure_at_once_beside_databases(Bench& bench, const Parent& parent) {
  const Address asker = TRY(make_asker(parent));
  const AtOnce velo(bench, parent, asker);
  Databases databases(parent, asker);
  return measure_group(bench,
                       {.section = "at-once",
                        .title = at_once_title("XFS, PostgreSQL 18, beside CREATE DATABASE"),
                        .base = "in turn",
                        .cases = {{at_once_in_turn, [&] { return velo.in_turn(); }},
                                  {at_once_processes, [&] { return velo.by_processes(); }},
                                  {at_once_count, [&] { return velo.by_count(); }},
                                  {"CREATE DATABASE … FILE_COPY, cloned, in turn",
                                   [&] { return databases.in_turn(); }},
                                  {"CREATE DATABASE … FILE_COPY, cloned, over 16 connections",
                                   [&] { return databases.over_connections(); }}},
                        .prepare = {},
                        .notes = {}});
}

}  // namespace velo::bench

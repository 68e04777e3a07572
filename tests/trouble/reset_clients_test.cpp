// A reset under clients that reconnect without pause, killed at each of its steps: which life a
// commit was acknowledged by, the new or the old, each client knows. Nothing that the new one
// acknowledged is ever undone; and where the old one stays, nothing of it is lost.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <thread>

#include "support/velo.h"
#include "trouble/places.h"

namespace velo::test {
namespace {

constexpr std::size_t client_count = 3;

/// Clients of demo/dev. Each transaction writes down its number and answers with the life that it
/// was committed in: what t says, which the parent has as 1 and the branch as 2.
class Clients {
 public:
  explicit Clients(std::string url, int first) : url_(std::move(url)) {
    for (std::size_t i = 0; i < client_count; ++i) {
      threads_.emplace_back([this, i, first] { commit(i, first); });
    }
  }
  ~Clients() { stop(); }
  Clients(const Clients&) = delete;
  Clients& operator=(const Clients&) = delete;
  Clients(Clients&&) = delete;
  Clients& operator=(Clients&&) = delete;

  void stop() {
    stop_ = true;
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  int acknowledged() const { return count_; }
  /// The numbers that this life acknowledged; only after stop().
  std::vector<std::string> of_life(const std::string& life) const {
    std::vector<std::string> numbers;
    for (const auto& client : done_) {
      for (const auto& [in, number] : client) {
        if (in == life) numbers.push_back(number);
      }
    }
    return numbers;
  }

 private:
  void commit(std::size_t client, int first) {
    for (int n = first; !stop_;) {
      Sql sql(url_);
      while (sql.connected() && !stop_) {
        const std::string number =
            std::to_string(client) + "-" + std::to_string(n++);  // never the same one again
        const std::string life = insert(sql, number);
        if (life.empty()) break;
        done_[client].emplace_back(life, number);
        ++count_;
      }
    }
  }
  /// The life that acknowledged it; empty when nobody did.
  static std::string insert(Sql& sql, const std::string& number) {
    const std::string statement =
        "INSERT INTO acknowledged SELECT '" + number + "', x FROM t RETURNING life";
    PGresult* const result = PQexec(sql.handle(), statement.c_str());
    std::string life;
    if (PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1) {
      life = PQgetvalue(result, 0, 0);
    }
    PQclear(result);
    return life;
  }

  std::string url_;
  std::atomic<bool> stop_ = false;
  std::atomic<int> count_ = 0;
  std::array<std::vector<std::pair<std::string, std::string>>, client_count> done_;
  std::vector<std::thread> threads_;
};

class ResetUnderClients : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || !velo) return;
    velo->ok("config set grace 0");
    velo->create_project("demo");
    velo->sql("demo/main")
        .execute("CREATE TABLE t AS SELECT 1 AS x; CREATE TABLE acknowledged (n text, life int)");
    velo->ok("branch create demo/dev");
    be_the_old_life();
    velo->use_binary("velo-faults");
    const fs::path trace = velo->home() / "trace";
    velo->run(words("branch reset demo/dev --force"), {"VELO_FAULT_TRACE=" + trace.string()});
    std::ifstream file(trace);
    for (std::string point; std::getline(file, point);) {
      if (std::ranges::find(points, point) == points.end()) points.push_back(point);
    }
    velo->use_binary("velo");
    EXPECT_GE(points.size(), 8U);
    be_the_old_life();
  }

  void be_the_old_life() {
    velo->sql("demo/dev").execute("UPDATE t SET x = 2; TRUNCATE acknowledged");
  }

  static void expect_all(const std::vector<std::string>& acknowledged, Sql& sql) {
    std::vector<std::string> there;
    for (const Sql::Row& row : sql.rows("SELECT n FROM acknowledged")) there.push_back(row[0]);
    std::ranges::sort(there);
    for (const std::string& number : acknowledged) {
      EXPECT_TRUE(std::ranges::binary_search(there, number))
          << number << " was acknowledged, and is gone";
    }
  }

  void hurt_at(const std::string& point) {
    SCOPED_TRACE(point);
    Clients clients(velo->url("demo/dev"), 1);
    ASSERT_TRUE(wait_until([&] { return clients.acknowledged() > 20; }));
    velo->use_binary("velo-faults");
    const Ran killed =
        velo->run(words("branch reset demo/dev --force"), {"VELO_FAULT=" + point + "=kill"});
    velo->use_binary("velo");
    EXPECT_EQ(killed.exit_status, 128 + SIGKILL) << killed.all();
    // Whatever state that left, the clients go on in it, until the next command mends it.
    const int then = clients.acknowledged();
    wait_until([&] { return clients.acknowledged() > then + 20; }, std::chrono::milliseconds(300));
    velo->ok("branch create demo/next --no-start");
    velo->ok("branch delete demo/next");
    const int mended = clients.acknowledged();
    EXPECT_TRUE(wait_until([&] { return clients.acknowledged() > mended + 20; }))
        << "nobody gets in any more";
    clients.stop();

    Sql sql = velo->sql("demo/dev");
    const std::string life = sql.value("SELECT x FROM t");
    EXPECT_TRUE(life == "1" || life == "2") << life;
    expect_all(clients.of_life(life), sql);
    if (life == "2") {
      EXPECT_TRUE(clients.of_life("1").empty())
          << clients.of_life("1").size()
          << " commits were acknowledged after the switch, and undone";
    }
    be_the_old_life();
  }

  std::vector<std::string> points;
};

TEST_P(ResetUnderClients, KilledAtEachStepUndoesNothingThatWasAcknowledgedAfterTheSwitch) {
  for (const std::string& point : points) {
    hurt_at(point);
    if (HasFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Places, ResetUnderClients, every_driver_and_docker(), param_name);

}  // namespace
}  // namespace velo::test

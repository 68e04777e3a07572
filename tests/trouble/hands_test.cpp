// Fifty commands at once on one project, whatever they are: each ends, each that fails says what
// the order of the others explains, and afterwards everything that succeeded has happened and
// nothing else.
//
// The seed is printed; VELO_TEST_SEED=<number> repeats a round.
#include <algorithm>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "support/doctor.h"
#include "support/velo.h"
#include "trouble/places.h"

namespace velo::test {
namespace {

const bool is_light = std::getenv("VELO_TEST_LIGHT") != nullptr;
const int commands_at_once = is_light ? 16 : 50;
constexpr int branch_count = 8;

struct Kind {
  std::string words;
  int weight;
  std::set<std::string> explained;  ///< the errors that another command's success explains
  bool has_parent = false;
  bool is_of_project = false;
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"branch create", 14, {"already_exists", "not_found"}, true},
      {"branch delete", 8, {"not_found", "has_children"}},
      {"branch reset", 8, {"not_found"}},
      {"branch start", 5, {"not_found"}},
      {"branch stop", 5, {"not_found"}},
      {"branch restart", 3, {"not_found"}},
      {"snapshot create", 2, {"not_found"}},
      {"branch get", 2, {"not_found"}},
      {"branch list demo", 2, {}, false, true},
      {"status", 2, {}, false, true},
  };
  return all;
}

struct Hand {
  const Kind* kind = nullptr;
  std::string branch;
  std::string line;
  Ran ran;
  std::string error;  ///< its kind; empty for one that succeeded
};

unsigned first_seed() {
  const char* const given = std::getenv("VELO_TEST_SEED");
  return given == nullptr ? std::random_device()() : static_cast<unsigned>(std::stoul(given));
}

std::string branch_name(int number) {
  return "demo/b" + std::to_string(number);
}

std::vector<Hand> deal(unsigned seed) {
  std::mt19937 random(seed);
  std::vector<int> weights;
  for (const Kind& kind : kinds()) weights.push_back(kind.weight);
  std::discrete_distribution<std::size_t> any_kind(weights.begin(), weights.end());
  std::uniform_int_distribution<int> any_branch(0, branch_count - 1);
  std::vector<Hand> hands(static_cast<std::size_t>(commands_at_once));
  for (Hand& hand : hands) {
    hand.kind = &kinds()[any_kind(random)];
    hand.branch = branch_name(any_branch(random));
    hand.line = hand.kind->words;
    if (!hand.kind->is_of_project) hand.line += " " + hand.branch;
    const std::string parent = branch_name(any_branch(random));
    // Half of them of main, so that there is always something to branch from.
    if (hand.kind->has_parent && parent != hand.branch && any_branch(random) % 2 == 0) {
      hand.line += " --parent " + parent;
    }
    hand.line += " --json";
  }
  return hands;
}

/// A branch as a round finds or leaves it.
struct Known {
  std::int64_t port = 0;
  std::string state;
};

class ManyHands : public PlacesTest {
 protected:
  void SetUp() override {
    PlacesTest::SetUp();
    if (IsSkipped() || !velo) return;
    velo->ok("config set grace 0");
    velo->create_project("demo");
    velo->sql("demo/main").execute("CREATE TABLE mark (of text); CREATE TABLE t AS SELECT 1 AS x");
    for (int i = 0; i < branch_count / 2; ++i) velo->ok("branch create " + branch_name(i));
  }

  void play(int rounds) {
    const unsigned first = first_seed();
    for (int round = 0; round < rounds && !HasFailure(); ++round) {
      const unsigned seed = first + static_cast<unsigned>(round);
      std::cout << "many hands, round " << round + 1 << ": VELO_TEST_SEED=" << seed << std::endl;
      SCOPED_TRACE("VELO_TEST_SEED=" + std::to_string(seed));
      play_round(seed);
    }
  }

 private:
  void play_round(unsigned seed) {
    const auto before = look();
    for (const auto& [branch, known] : before) {
      if (known.state != "running") continue;
      velo->sql(branch).execute("TRUNCATE mark; INSERT INTO mark VALUES ('" + branch + "')");
    }
    std::vector<Hand> hands = deal(seed);
    std::vector<std::future<Ran>> running;
    for (const Hand& hand : hands) running.push_back(velo->start(hand.line));
    for (std::size_t i = 0; i < hands.size(); ++i) {
      hands[i].ran = running[i].get();
      expect_explained(hands[i]);
    }
    if (!HasFailure()) expect_all_of(hands, before);
  }

  static void expect_explained(Hand& hand) {
    if (hand.ran.exit_status == 0) return;
    const auto error = Json::parse(hand.ran.out);
    hand.error = error.text("/error/code");
    EXPECT_TRUE(hand.kind->explained.contains(hand.error)) << hand.ran.all();
  }

  std::map<std::string, Known> look() const {
    std::map<std::string, Known> found;
    const Json list = velo->json("branch list demo");
    for (std::size_t i = 0; i < list.size("/branches"); ++i) {
      const std::string at = "/branches/" + std::to_string(i);
      found[list.text(at + "/full_name")] = {.port = list.number(at + "/port"),
                                             .state = list.text(at + "/state")};
    }
    return found;
  }

  /// What succeeded has happened, and nothing else.
  void expect_all_of(const std::vector<Hand>& hands, const std::map<std::string, Known>& before) {
    const auto after = look();
    EXPECT_TRUE(after.contains("demo/main"));
    for (int i = 0; i < branch_count; ++i) {
      const std::string branch = branch_name(i);
      SCOPED_TRACE(branch);
      const auto done = [&](const std::string& words) {
        return std::ranges::count_if(hands, [&](const Hand& hand) {
          return hand.branch == branch && hand.kind->words == words && hand.error.empty();
        });
      };
      const auto made = done("branch create");
      const auto gone = done("branch delete");
      EXPECT_EQ(static_cast<int>(before.contains(branch)) + made - gone,
                static_cast<int>(after.contains(branch)))
          << "a create or delete that succeeded is lost";
      if (!after.contains(branch)) continue;
      const Known& known = after.at(branch);
      if (before.contains(branch) && gone == 0) {
        EXPECT_EQ(known.port, before.at(branch).port);
      }
      if (known.state != "running") continue;
      Sql sql = velo->sql(branch);
      EXPECT_EQ(sql.value("SELECT x FROM t"), "1");
      if (!before.contains(branch) || before.at(branch).state != "running") continue;
      const bool is_as_it_was = gone == 0 && done("branch reset") == 0;
      EXPECT_EQ(sql.value("SELECT count(*) FROM mark WHERE of = '" + branch + "'"),
                is_as_it_was ? "1" : "0");
    }
    expect_agreement(after);
  }

  void expect_agreement(const std::map<std::string, Known>& branches) {
    std::set<std::int64_t> ports;
    std::size_t running = 0;
    for (const auto& [branch, known] : branches) {
      ports.insert(known.port);
      EXPECT_TRUE(known.state == "running" || known.state == "stopped")
          << branch << " is " << known.state;
      if (known.state == "running") ++running;
    }
    EXPECT_EQ(ports.size(), branches.size()) << "a port was given twice";
    EXPECT_EQ(servers_below(velo->volumes()).size(), running);
    EXPECT_EQ(velo->json("status").size("/unfinished_operations"), 0U);
    const Examination found = doctor(*velo);
    EXPECT_EQ(found.troubles(), std::vector<std::string>{}) << found.ran.all();
  }
};

TEST_P(ManyHands, FiftyCommandsAtOnce) {
  play(is_light || GetParam().driver != "btrfs" || GetParam().runtime == "docker" ? 1 : 2);
}

/// With ./test.sh --whole.
TEST_P(ManyHands, FiftyCommandsAtOnceInTwentyRounds) {
  play(20);
}

INSTANTIATE_TEST_SUITE_P(Places, ManyHands, every_driver_and_docker(), param_name);

}  // namespace
}  // namespace velo::test

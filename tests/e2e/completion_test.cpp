// What the shells themselves offer with the scripts that velo prints.
#include <fstream>

#include "base/process.h"
#include "support/velo.h"

namespace velo::test {
namespace {

class CompletionInShells : public E2eTest {
 protected:
  void SetUp() override {
    E2eTest::SetUp();
    if (!velo) return;
    velo->create_project("demo");
    fs::create_directory(velo->home().parent_path() / "here");
    std::ofstream(here() / "demofile") << "";
  }

  /// Where the shells run: one file lies there, to be offered or not.
  fs::path here() const { return velo->home().parent_path() / "here"; }

  /// With this velo in the PATH. Each name once: of two, bash takes the last.
  std::vector<std::string> environment() const {
    std::vector<std::string> all = velo->environment({"TERM=dumb"});
    std::erase_if(all, [](const std::string& one) { return one.starts_with("PATH="); });
    all.push_back("PATH=" + Velo::binary("velo").parent_path().string() +
                  ":/usr/local/bin:/usr/bin:/bin");
    return all;
  }

  /// Skips where this machine has no such shell (fails under VELO_TEST_REQUIRE).
  bool has(const std::string& shell) {
    if (fs::exists(shell)) return true;
    if (places_are_required()) ADD_FAILURE() << "no " << shell << ": ./test.sh installs it";
    return false;
  }

  std::string output_of(const std::vector<std::string>& argv) {
    const Cancellation never;
    auto ran = velo::run(
        {.argv = argv, .environment = environment(), .user = {}, .directory = here(), .input = {}},
        std::chrono::minutes(1), never);
    EXPECT_TRUE(ran && ran->exit_status == 0) << (ran ? ran->err : ran.error().message);
    return ran ? ran->out : "";
  }
};

TEST_F(CompletionInShells, BashOffersWordsAndNames) {
  if (!has("/bin/bash")) GTEST_SKIP() << "no bash";
  const auto offered = [&](const std::string& line) {
    return output_of({"/bin/bash", "--norc", "--noprofile", "-c",
                      "source <(velo completion bash); COMP_WORDS=(" + line +
                          "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _velo 2>/dev/null; "
                          "printf '%s\\n' \"${COMPREPLY[@]}\""});
  };
  EXPECT_EQ(offered("velo branch cre"), "create\n");
  EXPECT_EQ(offered("velo branch get demo/m"), "demo/main\n");
  EXPECT_EQ(offered("velo branch create dem"), "demo/\n");
}

TEST_F(CompletionInShells, ZshCompletesWordsAndNames) {
  if (!has("/usr/bin/zsh")) GTEST_SKIP() << "no zsh";
  Terminal shell({"/usr/bin/zsh", "-f", "-i"}, environment());
  shell.type(
      "autoload -Uz compinit && compinit -u -D && source <(velo completion zsh); "
      "shown() { print -r -- \"[$BUFFER]\"; BUFFER= }; zle -N shown; bindkey '^G' shown; "
      "print all-''set\n");
  ASSERT_TRUE(shell.shows("all-set")) << shell.screen();
  for (const auto& [typed, completed] :
       {std::pair("velo branch cre", "velo branch create "),
        std::pair("velo branch get demo/m", "velo branch get demo/main "),
        std::pair("velo branch create dem", "velo branch create demo/")}) {
    shell.type(std::string(typed) + "\t\a");
    EXPECT_TRUE(shell.shows("[" + std::string(completed) + "]")) << shell.screen();
  }
}

TEST_F(CompletionInShells, FishOffersWordsAndNamesAndNoFiles) {
  if (!has("/usr/bin/fish")) GTEST_SKIP() << "no fish";
  const auto offered = [&](const std::string& line) {
    return output_of(
        {"/usr/bin/fish", "--no-config", "-c",
         "cd " + here().string() + "; velo completion fish | source; complete -C '" + line + "'"});
  };
  EXPECT_TRUE(offered("velo branch cre").starts_with("create\tMake a branch"));
  EXPECT_EQ(offered("velo branch get demo/m"), "demo/main\n");
  EXPECT_EQ(offered("velo project get dem"), "demo\n") << "the file demofile is no project";
  EXPECT_EQ(offered("velo project get demof"), "");
}

}  // namespace
}  // namespace velo::test

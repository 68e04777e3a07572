#include "bench/velo_home.h"

#include <nlohmann/json.hpp>

#include "base/files.h"

namespace velo::bench {
namespace {

/// What `pointer` leads to in a document that velo printed.
template <class T>
Result<T> member(const std::string& document, const char* pointer) {
  const auto json = nlohmann::json::parse(document, nullptr, /*allow_exceptions=*/false);
  const nlohmann::json::json_pointer where(pointer);
  if (json.is_discarded() || !json.contains(where)) {
    return fail(Errc::failed, "velo printed no {}: {}", pointer, document);
  }
  try {
    return json.at(where).get<T>();
  } catch (const nlohmann::json::exception& e) {
    return fail(Errc::failed, "velo's {} is not as expected: {}", pointer, e.what());
  }
}

}  // namespace

Result<VeloHome> VeloHome::make(const fs::path& velo, const fs::path& home,
                                const std::string& docker) {
  TRY(create_directory(home, running_as_root() ? 0711 : 0700));
  VeloHome made(velo, home, docker);
  TRY(made.run({"config", "set", "grace", "0"}));
  return made;
}

Result<Ran> VeloHome::run(const std::vector<std::string>& words) const {
  std::vector<std::string> argv{velo_.string()};
  argv.insert(argv.end(), words.begin(), words.end());
  std::vector<std::string> environment = plain_environment();
  environment.push_back("VELO_HOME=" + home_.string());
  if (!docker_.empty()) environment.push_back("DOCKER_HOST=" + docker_);
  return run_program(std::move(argv), std::move(environment));
}

Result<BranchFacts> VeloHome::facts(const std::string& branch) const {
  const std::string text = TRY(run({"branch", "get", branch, "--json"})).out;
  return BranchFacts{.data_directory = TRY(member<std::string>(text, "/branch/data_directory")),
                     .pid = TRY(member<int>(text, "/branch/pid")),
                     .address = TRY(address(branch))};
}

Result<Address> VeloHome::address(const std::string& branch) const {
  const std::string text = TRY(run({"branch", "password", branch, "--json"})).out;
  return Address{.host = TRY(member<std::string>(text, "/connection/host")),
                 .port = TRY(member<int>(text, "/connection/port")),
                 .user = TRY(member<std::string>(text, "/connection/user")),
                 .password = TRY(member<std::string>(text, "/connection/password")),
                 .database = TRY(member<std::string>(text, "/connection/database"))};
}

}  // namespace velo::bench

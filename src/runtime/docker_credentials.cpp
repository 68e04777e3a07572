#include "runtime/docker_credentials.h"

#include <nlohmann/json.hpp>

#include <cstdlib>
#include <filesystem>

#include "base/crypto.h"
#include "base/files.h"
#include "base/process.h"
#include "base/text.h"
#include "runtime/docker_answers.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto helper_patience = 30s;

std::string variable(const char* name) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody writes the environment
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// What config.json calls the registry of an image: the host in front of the first slash, if it
/// looks like one; else Docker Hub by its old name.
std::string registry_of(const std::string& image) {
  const size_t slash = image.find('/');
  const std::string host = image.substr(0, slash == std::string::npos ? 0 : slash);
  const bool is_host = host.find_first_of(".:") != std::string::npos || host == "localhost";
  return is_host ? host : "https://index.docker.io/v1/";
}

/// Standard base64 as to_base64 writes it, read.
std::string from_base64(std::string_view text) {
  constexpr std::string_view alphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string bytes;
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const size_t value = alphabet.find(c);
    if (value == std::string_view::npos) break;
    buffer = buffer << 6U | static_cast<unsigned>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(buffer >> bits & 0xFFU);
  }
  return bytes;
}

/// X-Registry-Auth wants the alphabet for URLs.
std::string header_of(const json& credentials) {
  // What is no UTF-8 is nothing that JSON holds; the registry will say that it is wrong.
  std::string text = to_base64(credentials.dump(-1, ' ', false, json::error_handler_t::replace));
  for (char& c : text) {
    if (c == '+') c = '-';
    if (c == '/') c = '_';
  }
  return text;
}

Result<std::string> program_path(const std::string& name) {
  const std::string path = variable("PATH");
  for (const std::string_view directory : split(path, ':')) {
    const fs::path candidate = fs::path(directory) / name;
    if (candidate.is_absolute() && path_exists(candidate)) return candidate.string();
  }
  return fail_with_hint(Errc::failed,
                        fmt::format("Docker's configuration names the credential helper {}, which "
                                    "is not in PATH",
                                    name),
                        "install it, or take it out of ~/.docker/config.json");
}

/// The protocol of docker-credential-*: the registry on stdin, JSON on stdout.
Result<json> ask_helper(const std::string& helper, const std::string& registry) {
  const Cancellation never;
  std::vector<std::string> environment = clean_environment();
  std::erase_if(environment, [](const std::string& line) {
    return line.starts_with("HOME=") || line.starts_with("PATH=");
  });
  // A helper finds its store through these.
  for (const char* name : {"HOME", "PATH", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"}) {
    if (const std::string value = variable(name); !value.empty()) {
      environment.push_back(fmt::format("{}={}", name, value));
    }
  }
  const Outcome outcome =
      TRY(run({.argv = {TRY(program_path("docker-credential-" + helper)), "get"},
               .environment = std::move(environment),
               .user = {},
               .input = registry},
              helper_patience, never));
  if (outcome.exit_status != 0) {
    const std::string said{trim(outcome.out + outcome.err)};
    if (said.find("credentials not found") != std::string::npos) return json();
    return fail(Errc::failed, "the credential helper {} failed: {}", helper, said);
  }
  json answer = json::parse(outcome.out, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object())
    return fail(Errc::failed, "the credential helper {} answers no JSON", helper);
  return answer;
}

std::string text_at(const json& object, const std::string& outer, const std::string& inner) {
  const auto found = object.find(outer);
  return found != object.end() ? runtime::text_at(*found, inner) : "";
}

}  // namespace

Result<std::string> registry_auth(const std::string& image) {
  const std::string given = variable("DOCKER_CONFIG");
  const fs::path file =
      (given.empty() ? fs::path(variable("HOME")) / ".docker" : fs::path(given)) / "config.json";
  const auto text = read_file(file);
  if (!text) {
    if (text.error().code == Errc::not_found) return "";
    return std::unexpected(text.error());
  }
  const json config = json::parse(*text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) {
    return fail_with_hint(Errc::failed, fmt::format("{} is no JSON", file.string()),
                          "mend it, or move it away and use docker login again");
  }
  const std::string registry = registry_of(image);
  std::string helper = text_at(config, "credHelpers", registry);
  if (helper.empty()) helper = runtime::text_at(config, "credsStore");
  if (!helper.empty()) {
    const json answer = TRY(ask_helper(helper, registry));
    if (answer.is_object()) {
      const std::string user = runtime::text_at(answer, "Username");
      const char* const kind = user == "<token>" ? "identitytoken" : "password";
      json credentials{{"serveraddress", registry}, {kind, runtime::text_at(answer, "Secret")}};
      if (user != "<token>") credentials["username"] = user;
      return header_of(credentials);
    }
  }
  const auto all = config.find("auths");
  const std::string token = all == config.end() ? "" : text_at(*all, registry, "identitytoken");
  if (!token.empty()) {
    return header_of({{"identitytoken", token}, {"serveraddress", registry}});
  }
  const std::string pair = from_base64(all == config.end() ? "" : text_at(*all, registry, "auth"));
  const size_t colon = pair.find(':');
  if (colon == std::string::npos) return "";
  return header_of({{"username", pair.substr(0, colon)},
                    {"password", pair.substr(colon + 1)},
                    {"serveraddress", registry}});
}

}  // namespace velo::runtime

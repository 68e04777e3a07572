#include "runtime/docker_image.h"

#include <nlohmann/json.hpp>

#include <charconv>

#include "base/files.h"
#include "base/text.h"
#include "postgres/build.h"
#include "runtime/docker_answers.h"
#include "runtime/docker_credentials.h"
#include "runtime/docker_log.h"

namespace velo::runtime {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr auto pull_patience = 1h;
constexpr auto version_patience = 30s;

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || text.empty() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// "fromImage=…&tag=…" of a reference: without a tag Docker would pull all there are.
std::string pull_query(const std::string& name) {
  if (name.find('@') != std::string::npos) return "fromImage=" + url_escaped(name);
  const size_t colon = name.rfind(':');
  const size_t slash = name.rfind('/');
  const bool tagged = colon != std::string::npos && (slash == std::string::npos || colon > slash);
  return fmt::format("fromImage={}&tag={}",
                     url_escaped(name.substr(0, tagged ? colon : name.size())),
                     tagged ? url_escaped(name.substr(colon + 1)) : "latest");
}

std::unexpected<Error> not_pulled(const std::string& name, Error why) {
  why.message = fmt::format("the image {} could not be pulled: {}", name, why.message);
  if (why.code == Errc::not_found) {
    why.hint = "look at its name and tag; a private one needs docker login first";
  } else if (why.code == Errc::server) {
    why.hint = "is there a way to the registry? try: docker pull " + name;
  }
  return std::unexpected(std::move(why));
}

Result<void> pull(DockerApi& api, const std::string& name,
                  const std::function<void(std::string_view)>& tell) {
  PullWatch watch(name, tell);
  HttpRequest request{.method = "POST",
                      .target = "/images/create?" + pull_query(name),
                      .headers = {},
                      .body = {},
                      .on_data = [&](std::string_view piece) { watch.take(piece); }};
  if (const std::string credentials = TRY(registry_auth(name)); !credentials.empty()) {
    request.headers.push_back("X-Registry-Auth: " + credentials);
  }
  if (auto pulled = api.stream(std::move(request), pull_patience); !pulled) {
    return not_pulled(name, std::move(pulled).error());
  }
  watch.take("\n");
  if (watch.error().empty()) return {};
  const bool full = watch.error().find("no space left") != std::string::npos;
  return not_pulled(name, {full ? Errc::no_space : Errc::server, watch.error(), {}, {}});
}

/// Makes a container of the image that is never more than a moment there.
class Probe {
 public:
  static Result<Probe> make(DockerApi& api, const std::string& image) {
    const json config{{"Image", image},
                      {"Entrypoint", {"postgres"}},
                      {"Cmd", {"--version"}},
                      {"Labels", {{"velo.probe", "1"}}},
                      {"HostConfig", {{"NetworkMode", "none"}}}};
    const json made = TRY(api.post("/containers/create", config));
    return Probe(api, text_at(made, "Id"));
  }
  Probe(Probe&& other) noexcept : api_(other.api_), id_(std::exchange(other.id_, {})) {}
  Probe& operator=(Probe&&) = delete;
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe() {
    if (!id_.empty()) (void)api_->remove("/containers/" + id_ + "?force=1&v=1");
  }

  Result<std::string> passwd() {
    return first_file(TRY(api_->fetch("/containers/" + id_ + "/archive?path=/etc/passwd")));
  }
  Result<bool> has(const fs::path& path) {
    return api_->exists("/containers/" + id_ + "/archive?path=" + url_escaped(path.string()));
  }
  Result<std::string> version() {
    TRY(api_->post("/containers/" + id_ + "/start", {}));
    TRY(api_->post("/containers/" + id_ + "/wait", {}, version_patience));
    return postgres::parse_version(trim(TRY(log_of(*api_, id_, 5))));
  }

 private:
  Probe(DockerApi& api, std::string id) : api_(&api), id_(std::move(id)) {}
  DockerApi* api_;
  std::string id_;
};

std::string variable(const Image& image, const std::string& name) {
  const auto found = image.environment.find(name);
  return found == image.environment.end() ? "" : found->second;
}

/// Whether `library` is where its server looks for libraries: lib or lib/postgresql beside the
/// directory of the program (relative_path in src/port/path.c).
Result<bool> has_library(Probe& probe, const Image& image, const std::string& library) {
  const std::string path = variable(image, "PATH");
  for (const std::string_view word : split(path, ':')) {
    const fs::path bin(word.substr(0, word.find_last_not_of('/') + 1));
    if (!bin.is_absolute() || !TRY(probe.has(bin / "postgres"))) continue;
    for (const char* directory : {"lib/postgresql", "lib"}) {
      if (TRY(probe.has(bin.parent_path() / directory / library))) return true;
    }
    return false;
  }
  return false;
}

}  // namespace

Result<Image> inspect_image(DockerApi& api, const std::string& name) {
  Image image = image_in(TRY(api.get("/images/" + name + "/json")));
  image.name = name;
  return image;
}

Result<Image> ensure_image(DockerApi& api, const std::string& name,
                           const std::function<void(std::string_view)>& tell) {
  auto present = inspect_image(api, name);
  if (present || present.error().code != Errc::not_found) return present;
  TRY(pull(api, name, tell));
  return inspect_image(api, name);
}

Result<ImageServer> server_of(DockerApi& api, const std::string& name, const Image& image) {
  Probe probe = TRY(Probe::make(api, image.id));
  ImageServer server;
  // "17.2-1.pgdg120+1" on Debian, "17.2" on Alpine.
  const std::string told = variable(image, "PG_VERSION");
  const std::string version = told.substr(0, told.find('-'));
  server.version = number_in(version.substr(0, version.find('.'))) ? version : "";
  if (server.version.empty()) {
    auto asked = probe.version();
    if (!asked) {
      return std::unexpected(Error{Errc::unsupported,
                                   fmt::format("the image {} has no postgres that runs", name),
                                   "images that follow the conventions of the official postgres "
                                   "image can be used",
                                   asked.error().message});
    }
    server.version = std::move(*asked);
  }
  server.major =
      static_cast<int>(number_in(server.version.substr(0, server.version.find('.'))).value_or(0));
  const bool root = image.user.empty() || image.user == "root" || image.user.starts_with("0");
  const std::string wanted = root ? "postgres" : image.user;
  const auto user = user_in(TRY(probe.passwd()), wanted);
  if (!user) {
    return fail_with_hint(Errc::unsupported,
                          fmt::format("the image {} has no user {}", name, wanted),
                          "images that follow the conventions of the official postgres image can "
                          "be used");
  }
  // PostgreSQL does not run as root, and what an image's maker writes must not make Velo touch a
  // cluster's files with root's rights.
  if (user->uid == 0) {
    return fail_with_hint(Errc::unsupported,
                          fmt::format("in the image {} the user {} is root", name, wanted),
                          "PostgreSQL refuses to run as root; use an image whose server does not");
  }
  server.user = *user;
  constexpr int first_major_with_libraries = 15;
  server.basic_archive = server.major >= first_major_with_libraries &&
                         TRY(has_library(probe, image, "basic_archive.so"));
  return server;
}

}  // namespace velo::runtime

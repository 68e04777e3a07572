#include "runtime/docker_image.h"

#include <nlohmann/json.hpp>

#include <charconv>

#include "base/files.h"
#include "base/text.h"
#include "postgres/build.h"
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

/// The stream of a pull: one JSON document a line.
class PullWatch {
 public:
  PullWatch(std::string name, const std::function<void(std::string_view)>& tell)
      : name_(std::move(name)), tell_(tell) {}

  void take(std::string_view piece) {
    rest_ += piece;
    for (size_t end; (end = rest_.find('\n')) != std::string::npos; rest_.erase(0, end + 1)) {
      take_line(rest_.substr(0, end));
    }
  }
  /// Failures after the stream began come in it; empty when there was none.
  const std::string& error() const { return error_; }

 private:
  void take_line(const std::string& line) {
    const json event = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!event.is_object()) return;
    if (event.contains("error")) error_ = event.value("error", "");
    if (event.value("status", "") == "Pull complete" && tell_) {
      tell_(fmt::format("layer {} of {}", event.value("id", ""), name_));
    }
  }

  std::string name_;
  const std::function<void(std::string_view)>& tell_;
  std::string rest_;
  std::string error_;
};

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

/// The text of the first file in a tar archive (POSIX.1-1988: a header of 512 bytes, the size in
/// octal at 124).
std::string first_file(std::string_view archive) {
  constexpr size_t header = 512;
  if (archive.size() < header) return {};
  const std::string digits(archive.substr(124, 11));
  const size_t size = std::strtoull(digits.c_str(), nullptr, 8);
  return std::string(archive.substr(header, size));
}

/// The user `wanted` ("postgres", "70", "70:70") by the image's passwd file.
std::optional<OsUser> user_in(const std::string& passwd, const std::string& wanted) {
  const std::string name = wanted.substr(0, wanted.find(':'));
  for (const std::string_view line : lines_of(passwd)) {
    std::vector<std::string> fields;
    for (size_t at = 0; at <= line.size();) {
      const size_t end = std::min(line.find(':', at), line.size());
      fields.emplace_back(line.substr(at, end - at));
      at = end + 1;
    }
    if (fields.size() < 4 || (fields[0] != name && fields[2] != name)) continue;
    const auto uid = number_in(fields[2]);
    const auto gid = number_in(fields[3]);
    if (uid && gid) {
      return OsUser{.uid = *uid, .gid = *gid, .name = fmt::format("{}:{}", *uid, *gid), .home = {}};
    }
  }
  return std::nullopt;
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
    return Probe(api, made.value("Id", ""));
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
  const json answer = TRY(api.get("/images/" + name + "/json"));
  Image image;
  image.name = name;
  image.id = answer.value("Id", "");
  const json config = answer.value("Config", json::object());
  if (!config.is_object()) return image;
  if (const auto lines = config.find("Env"); lines != config.end() && lines->is_array()) {
    for (const json& line : *lines) {
      const std::string text = line.get<std::string>();
      const size_t equals = text.find('=');
      if (equals != std::string::npos) {
        image.environment[text.substr(0, equals)] = text.substr(equals + 1);
      }
    }
  }
  if (const auto volumes = config.find("Volumes"); volumes != config.end() && volumes->is_object())
    for (const auto& [path, nothing] : volumes->items()) image.volumes.push_back(path);
  if (const auto user = config.find("User"); user != config.end() && user->is_string())
    image.user = user->get<std::string>();
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
  server.user = *user;
  constexpr int first_major_with_libraries = 15;
  server.basic_archive = server.major >= first_major_with_libraries &&
                         TRY(has_library(probe, image, "basic_archive.so"));
  return server;
}

}  // namespace velo::runtime

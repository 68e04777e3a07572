#include "engine/home.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/files.h"

namespace velo::engine {
namespace {

constexpr size_t key_size = 32;
constexpr size_t socket_path_limit = 107;  ///< sockaddr_un's sun_path, less its NUL
constexpr size_t longest_socket_name = sizeof("/.s.PGSQL.65535.lock") - 1;

mode_t mode_of_home() {
  return running_as_root() ? 0711 : 0700;
}

/// Others can read the directory's names, or the group can, or they can write it.
bool is_exposed(const struct stat& status) {
  const mode_t allowed = running_as_root() ? 0711U : 0700U;
  return (status.st_mode & 0777U & ~allowed) != 0;
}

/// By errno. Never "not found": a home that is not there is no error.
std::unexpected<Error> cannot_look(const fs::path& root) {
  Error error = fail_errno(errno, fmt::format("look at VELO_HOME {}", root.string())).error();
  if (error.code == Errc::not_found) error.code = Errc::failed;
  error.hint = "set VELO_HOME to a directory of your own, or unset it";
  return std::unexpected(std::move(error));
}

Result<void> check_root(const fs::path& root) {
  struct stat status{};
  if (::stat(root.c_str(), &status) != 0) return cannot_look(root);
  if (!S_ISDIR(status.st_mode)) {
    return fail_with_hint(Errc::failed,
                          fmt::format("VELO_HOME {} is not a directory", root.string()),
                          "set VELO_HOME to a directory of your own, or unset it");
  }
  if (status.st_uid != ::geteuid()) {
    return fail_with_hint(
        Errc::permission,
        fmt::format("VELO_HOME {} belongs to another user (uid {})", root.string(), status.st_uid),
        "set VELO_HOME to a directory of your own, or unset it");
  }
  if (is_exposed(status)) {
    return fail_with_hint(Errc::permission,
                          fmt::format("VELO_HOME {} is open to others (mode {:04o})", root.string(),
                                      status.st_mode & 07777U),
                          fmt::format("close it: chmod {:o} {}", mode_of_home(), root.string()));
  }
  if (::access(root.c_str(), W_OK | X_OK) != 0) {
    return fail_with_hint(Errc::permission,
                          fmt::format("VELO_HOME {} cannot be written", root.string()),
                          "see who owns it and how it is mounted, or set VELO_HOME elsewhere");
  }
  return {};
}

/// Below a home that others pass through, as root's servers must, nothing else keeps the key from
/// them; and as ssh does with keys, one that could be read is refused rather than closed in
/// silence.
Result<void> check_secrets(const fs::path& root) {
  struct Secret {
    fs::path path;
    mode_t mode;
  };
  for (const Secret& secret :
       {Secret{root / "private", 0700}, Secret{root / "private/key", 0600}}) {
    struct stat status{};
    if (::lstat(secret.path.c_str(), &status) != 0) {
      return fail_errno(errno, "look at " + secret.path.string());
    }
    if ((status.st_mode & 0777U & ~secret.mode) == 0) continue;
    return fail_with_hint(
        Errc::permission,
        fmt::format("{} is open to others (mode {:04o}): passwords come from what is in it",
                    secret.path.string(), status.st_mode & 0777U),
        fmt::format("close it: chmod {:o} {}; velo doctor looks at the rest", secret.mode,
                    secret.path.string()));
  }
  return {};
}

/// A directory below the home that the server's user passes through to what is its own.
Result<void> ensure_passage(const fs::path& path) {
  TRY(ensure_directory(path, mode_of_home()));
  return {};
}

Result<void> make_key(const fs::path& path) {
  if (path_exists(path)) return {};
  return write_file_durably(path, TRY(random_bytes(key_size)), 0600);
}

}  // namespace

Result<bool> Home::exists(const fs::path& root) {
  if (!root.is_absolute()) {
    return fail_with_hint(Errc::failed,
                          fmt::format("VELO_HOME '{}' is not an absolute path", root.string()),
                          "set it to a path that begins with /");
  }
  struct stat status{};
  if (::lstat(root.c_str(), &status) != 0) {
    if (errno == ENOENT) return false;
    return cannot_look(root);
  }
  TRY(check_root(root));
  return path_exists(root / "private/key");
}

Result<Home> Home::open(const fs::path& root) {
  if (!TRY(exists(root))) {
    if (auto made = ensure_directory(root, mode_of_home()); !made) {
      Error error = std::move(made).error();
      error.code = Errc::permission;
      error.hint = "set VELO_HOME to a directory that you can write";
      return std::unexpected(std::move(error));
    }
    TRY(check_root(root));
    // An empty directory made by mktemp -d is 0700; root's servers must pass through it.
    if (running_as_root()) ::chmod(root.c_str(), mode_of_home());
    TRY(ensure_directory(root / "private", 0700));
    TRY(ensure_directory(root / "private/locks", 0700));
    for (const char* name : {"run", "tls"}) TRY(ensure_passage(root / name));
    TRY(ensure_directory(root / "logs", 0700));
    TRY(make_key(root / "private/key"));
  }
  TRY(check_secrets(root));
  return Home(root);
}

Result<OsUser> Home::server_user() {
  if (!running_as_root()) return current_user();
  for (const char* name : {"velo", "postgres"}) {
    if (auto user = find_user(name)) return user;
  }
  return fail_with_hint(
      Errc::not_found, "there is no system user for PostgreSQL servers to run as",
      "make one: useradd --system --no-user-group --shell /usr/sbin/nologin velo");
}

bool Home::has_lived() const {
  for (const fs::path& traces : {backups(), root_ / "tls"}) {
    const auto names = list_directory(traces);
    if (names && !names->empty()) return true;
  }
  return false;
}

fs::path Home::run_directory(const std::string& branch_id) const {
  fs::path inside = root_ / "run" / branch_id;
  if (inside.string().size() + longest_socket_name <= socket_path_limit) return inside;
  const auto digest = sha256(root_.string());
  const std::string tag = to_hex(digest.value_or(root_.string())).substr(0, 8);
  return fmt::format("/tmp/velo-{}-{}/{}", ::geteuid(), tag, branch_id);
}

Result<std::string> Home::key() const {
  std::string key = TRY(read_file(root_ / "private/key"));
  if (key.size() != key_size) {
    return fail(Errc::state, "{} is damaged: it has {} bytes, not {}",
                (root_ / "private/key").string(), key.size(), key_size);
  }
  return key;
}

}  // namespace velo::engine

// VELO_HOME: where everything is, with which rights.
//
//   private/            0700  state.db, key, locks/ (a file per branch and per operation),
//                             backups/ of state.db, places.json (whereabouts.h)
//   logs/               a server log per branch, <branch id>.log
//   run/                <short id>/ per branch: the directory of its server's socket
//   tls/<project id>/   server.crt, server.key, owned by the servers' user
//   wal-archive/<incarnation id>/  finished WAL segments, owned by the servers' user
//   pool/velo/…         volumes, when no other pool is chosen (root's: /var/lib/velo/pool)
//   postgres/<any>/     unpacked PostgreSQL builds, found like installed ones
//
// For an ordinary user all of it is 0700. For root the home is 0711, so that servers, which run as
// an unprivileged user, reach their own run directory, archive and certificate; private/ stays
// 0700.
#pragma once

#include <filesystem>
#include <string>

#include "base/error.h"
#include "base/os_user.h"

namespace velo::engine {

class Home {
 public:
  /// Opens or makes it. See Engine::open for the errors.
  static Result<Home> open(const std::filesystem::path& root);

  /// Whether a home was made there. An error where none can be: a relative path, a file, another
  /// user's directory, one that is open to others.
  static Result<bool> exists(const std::filesystem::path& root);

  /// One that is there or not, for whoever only looks.
  static Home at(std::filesystem::path root) { return Home(std::move(root)); }

  const std::filesystem::path& root() const { return root_; }
  /// Whom servers that are processes run as: the caller, or for root the system user `velo`, else
  /// `postgres`. Errc::not_found when there is neither.
  static Result<OsUser> server_user();

  std::filesystem::path database() const { return root_ / "private/state.db"; }
  std::filesystem::path backups() const { return root_ / "private/backups"; }
  std::filesystem::path places_file() const { return root_ / "private/places.json"; }
  /// How to give back a project that was taken over from the earlier Velo (import_earlier.h).
  std::filesystem::path imported_file(const std::string& project_id) const {
    return root_ / "private/imported" / (project_id + ".json");
  }
  /// The files of a cluster's that were changed then, as they were.
  std::filesystem::path imported_files(const std::string& incarnation_id) const {
    return root_ / "private/imported" / incarnation_id;
  }
  /// Shared by whoever has the catalog open; exclusive for who puts another one in its place.
  std::filesystem::path catalog_lock() const { return lock_file("catalog"); }
  /// Whether something beside the catalog shows that there was one: backups, certificates of
  /// projects.
  bool has_lived() const;
  std::filesystem::path lock_file(const std::string& name) const {
    return root_ / "private/locks" / name;
  }
  std::filesystem::path log_file(const std::string& branch_id) const {
    return root_ / "logs" / (branch_id + ".log");
  }
  /// The directory of a branch's socket. Below run/, or, where that path would be too long for a
  /// Unix socket (107 bytes), below a directory of the user's in /tmp.
  std::filesystem::path run_directory(const std::string& branch_id) const;
  std::filesystem::path tls_directory(const std::string& project_id) const {
    return root_ / "tls" / project_id;
  }
  /// Of one life of a branch, so that no two ever write segments of one name into one directory.
  std::filesystem::path archive_directory(const std::string& incarnation_id) const {
    return root_ / "wal-archive" / incarnation_id;
  }
  std::filesystem::path default_pool() const { return root_ / "pool"; }

  /// The secret that passwords are derived from; 32 bytes, made with the home.
  Result<std::string> key() const;

 private:
  explicit Home(std::filesystem::path root) : root_(std::move(root)) {}
  std::filesystem::path root_;
};

}  // namespace velo::engine

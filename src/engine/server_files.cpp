#include "engine/server_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/files.h"
#include "postgres/certificate.h"

namespace velo::engine {
namespace {

Result<void> give_to(const fs::path& path, const OsUser& user) {
  if (running_as_root() && ::lchown(path.c_str(), user.uid, user.gid) != 0) {
    return fail_errno(errno, fmt::format("give {} to {}", path.string(), user.name));
  }
  return {};
}

}  // namespace

Result<void> ensure_run_directory(const fs::path& path, const OsUser& owner) {
  TRY(ensure_directory(path.parent_path(), running_as_root() ? 0711 : 0700));
  struct stat status{};
  if (::lstat(path.parent_path().c_str(), &status) != 0 || status.st_uid != ::geteuid()) {
    return fail(Errc::permission, "{} belongs to somebody else", path.parent_path().string());
  }
  TRY(ensure_directory(path, 0700));
  return give_to(path, owner);
}

Result<ArchiveDirectory> ensure_archive(Engine& engine, const BranchRecords& b,
                                        const OsUser& owner) {
  if (!TRY(archives_wal(engine, b.branch))) return ArchiveDirectory{};
  ArchiveDirectory archive{.directory = engine.home().archive_directory(b.incarnation.id),
                           .is_new = false};
  const fs::path all = archive.directory.parent_path();
  TRY(ensure_directory(all, running_as_root() ? 0711 : 0700));
  archive.is_new = !path_exists(archive.directory);
  if (archive.is_new) {
    // Whoever made the first one here has waited for this.
    std::error_code ignored;
    if (fs::is_empty(all, ignored)) TRY(sync_directory(engine.home().root()));
    TRY(ensure_directory(archive.directory, 0700));
  }
  TRY(give_to(archive.directory, owner));
  return archive;
}

Result<void> make_durable(const ArchiveDirectory& archive) {
  return archive.is_new ? sync_directory(archive.directory.parent_path()) : Result<void>{};
}

Result<void> ensure_certificate(Engine& engine, const catalog::Project& project) {
  const fs::path directory = engine.home().tls_directory(project.id);
  if (path_exists(directory / "server.crt")) return {};
  const OsUser owner = TRY(owner_of(project));
  const postgres::Certificate made = TRY(postgres::make_certificate("velo " + project.name));
  TRY(ensure_directory(directory, 0700));
  TRY(write_file_durably(directory / "server.key", made.key_pem, 0600));
  TRY(give_to(directory / "server.key", owner));
  TRY(fault_point(Fault::certificate_begun));
  TRY(write_file_durably(directory / "server.crt", made.certificate_pem, 0644));
  TRY(give_to(directory / "server.crt", owner));
  return give_to(directory, owner);
}

}  // namespace velo::engine

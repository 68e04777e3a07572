// Taking back what setup did: for each kind of deed what that is, and how to tell that it is still
// as setup left it.

#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "base/files.h"
#include "base/groups.h"
#include "base/process.h"
#include "engine/mounts.h"
#include "engine/setup_steps.h"

namespace velo::engine {
namespace {

using namespace std::chrono_literals;

using Left = Result<std::string>;

bool is_mounted_from(const fs::path& file, const fs::path& mount_point) {
  const auto all = mounts();
  const auto mount = all ? mounted_at(*all, mount_point) : std::nullopt;
  const auto device = loop_device_of(file);
  return mount && device && *device == mount->source;
}

Left undo_pool_file(const Deed& deed, const Cancellation&) {
  const fs::path file = deed.arg("file");
  TRY(remove_file(file.string() + ".new"));
  if (!path_exists(file) || deed.arg("file_system").empty()) return "";  // it never got its name
  const auto id = btrfs_id(file);
  if (!id || *id != deed.arg("file_system")) return "it is not the file that setup made";
  TRY(remove_file(file));
  TRY(sync_directory(file.parent_path()));
  return "";
}

Left undo_mount(const Deed& deed, const Cancellation&) {
  const fs::path mount_point = deed.arg("mount_point");
  if (is_mounted_from(deed.arg("file"), mount_point)) {
    if (::umount2(mount_point.c_str(), UMOUNT_NOFOLLOW) != 0) {
      const int err = errno;
      if (err == EBUSY) {
        return fail_with_hint(
            Errc::in_use,
            fmt::format("{} is in use: servers or shells work in it", mount_point.string()),
            "stop the branches in it (velo branch stop), then again; fuser -vm "
            "shows who else there is");
      }
      return fail_errno(err, fmt::format("unmount {}", mount_point.string()));
    }
  }
  if (deed.arg("made_directory").empty()) return "";
  if (::rmdir(mount_point.c_str()) == 0 || errno == ENOENT) return "";
  if (errno == ENOTEMPTY || errno == EEXIST || errno == EBUSY) {
    return "the directory is not empty, and was left";
  }
  const int err = errno;
  return fail_errno(err, fmt::format("remove {}", mount_point.string()));
}

Left undo_fstab(const Deed& deed, const Cancellation& cancel) {
  const fs::path path = fs::weakly_canonical(deed.arg("fstab"));
  std::string left = TRY(take_out(path, deed.arg("added"), !deed.arg("made_file").empty()));
  if (!left.empty()) return left;
  return reload_systemd(path, cancel) ? "" : "systemd did not reload; run systemctl daemon-reload";
}

Left undo_line(const Deed& deed, const Cancellation&) {
  return take_out(deed.arg("file"), deed.arg("added"), !deed.arg("made_file").empty());
}

Left undo_file(const Deed& deed, const Cancellation&) {
  const fs::path file = deed.arg("file");
  TRY(remove_file(file.string() + ".new"));
  if (!path_exists(file)) return "";
  if (TRY(digest_of(file)) != deed.arg("digest")) return "it is not as setup made it";
  TRY(remove_file(file));
  TRY(sync_directory(file.parent_path()));
  return "";
}

/// What a driver did on its place: the driver knows what that was.
const storage::Sharing* sharing_of(const Deed& deed) {
  for (const storage::DriverInfo& info : storage::drivers()) {
    if (info.name == deed.arg("driver")) return info.sharing;
  }
  return nullptr;
}

Left undo_place(const Deed& deed, const Cancellation&) {
  const storage::Sharing* sharing = sharing_of(deed);
  if (sharing != nullptr) return sharing->take_back(deed.args);
  return fail(Errc::state, "setup's record names an unknown driver '{}'", deed.arg("driver"));
}

Left undo_group(const Deed& deed, const Cancellation& cancel) {
  const std::string& group = deed.arg("group");
  if (!group_exists(group)) return "";
  if (group_has_members(group)) return "others are in it by now";
  const auto deleted = run_tool("groupdel", "passwd", {group}, cancel);
  if (!deleted) return deleted.error().message;
  return "";
}

Left undo_member(const Deed& deed, const Cancellation& cancel) {
  const std::string& user = deed.arg("user");
  const std::string& group = deed.arg("group");
  if (!group_exists(group) || !is_member_of(user, group)) return "";
  TRY(run_tool("gpasswd", "passwd", {"--delete", user, group}, cancel));
  return "";
}

Left undo_directory(const Deed& deed, const Cancellation&) {
  ::rmdir(deed.arg("directory").c_str());
  return "";
}

struct Kind {
  std::string_view name;
  std::string_view words;  ///< with {} for the argument that tells which
  std::string_view argument;
  Left (*undo)(const Deed&, const Cancellation&);
};

constexpr std::array kinds{
    Kind{"pool_file", "Delete {}", "file", &undo_pool_file},
    Kind{"mount", "Unmount {}", "mount_point", &undo_mount},
    Kind{"fstab", "Take the pool out of {}", "fstab", &undo_fstab},
    Kind{"file", "Remove {}", "file", &undo_file},
    Kind{"line", "Take the pool out of {}", "file", &undo_line},
    Kind{"place", "Take back what {} did", "driver", &undo_place},
    Kind{"group", "Remove the group {}", "group", &undo_group},
    Kind{"member", "Take {} out of the group", "user", &undo_member},
    Kind{"directory", "Remove {} if it is empty", "directory", &undo_directory},
};

const Kind* kind_of(const Deed& deed) {
  for (const Kind& kind : kinds) {
    if (kind.name == deed.kind) return &kind;
  }
  return nullptr;
}

/// Where whole lines are in a text; npos where they are not.
std::size_t find_lines(const std::string& text, const std::string& lines) {
  std::size_t at = text.find(lines);
  while (at != std::string::npos && at != 0 && text[at - 1] != '\n' && !lines.starts_with('\n')) {
    at = text.find(lines, at + 1);
  }
  return at;
}

/// The names of what is in a pool, but for the empty directory that setup makes there.
Result<std::vector<std::string>> content_of(const fs::path& mount_point) {
  std::vector<std::string> names = TRY(list_directory(mount_point));
  std::erase(names, "velo");
  if (path_exists(mount_point / "velo")) {
    for (std::string& name : TRY(list_directory(mount_point / "velo"))) {
      names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace

std::string undo_in_words(const Deed& deed) {
  const Kind* kind = kind_of(deed);
  if (kind == nullptr) return fmt::format("Undo '{}'", deed.kind);
  if (const storage::Sharing* sharing = sharing_of(deed); sharing != nullptr) {
    return sharing->undo_in_words(deed.args);
  }
  std::string words = fmt::format(fmt::runtime(kind->words), deed.arg(std::string(kind->argument)));
  if (deed.kind == "member") words += " " + deed.arg("group");
  return words;
}

Result<std::string> undo(const Deed& deed, const Cancellation& cancel) {
  const Kind* kind = kind_of(deed);
  if (kind != nullptr) return kind->undo(deed, cancel);
  return fail_with_hint(Errc::state, fmt::format("setup's record names an unknown '{}'", deed.kind),
                        "a newer velo wrote it: use that one");
}

Result<std::vector<std::string>> data_in_pools(const UndoRequest& request) {
  const SetupRecord record = TRY(SetupRecord::open(request.record));
  std::vector<std::string> data;
  for (const Deed& deed : record.deeds()) {
    if (const storage::Sharing* sharing = sharing_of(deed); sharing != nullptr) {
      auto held = sharing->data(deed.args);
      if (!held && !request.with_data) return std::unexpected(std::move(held).error());
      if (held) std::ranges::move(*held, std::back_inserter(data));
    }
    const fs::path file = deed.arg("file");
    if (deed.kind != "pool_file" || !path_exists(file) || deed.arg("file_system").empty()) continue;
    const auto id = btrfs_id(file);
    if (!id || *id != deed.arg("file_system")) continue;  // somebody else's by now: left alone
    const fs::path mount_point = deed.arg("mount_point");
    if (!is_mounted_from(file, mount_point)) {
      if (request.with_data) continue;
      return fail_with_hint(
          Errc::in_use,
          fmt::format("{} is not mounted at {}, so what it holds cannot be seen", file.string(),
                      mount_point.string()),
          "mount it: sudo velo setup; or destroy it with what it may hold: velo setup --undo "
          "--force");
    }
    for (std::string& name : TRY(content_of(mount_point))) data.push_back(std::move(name));
  }
  return data;
}

Result<std::string> take_out(const fs::path& path, const std::string& added, bool made_file) {
  if (added.empty() || !path_exists(path)) return "";
  std::string text = TRY(read_file(path));
  const std::size_t at = find_lines(text, added);
  if (at == std::string::npos) {
    // fstab's lines begin with a comment, which may have gone before them.
    const std::size_t comment = added.find('#');
    if (comment == std::string::npos) return "";
    const bool never = text.find(added.substr(added.find('\n', comment) + 1)) == std::string::npos;
    return never ? "" : "its lines were changed, and were left";
  }
  text.erase(at, added.size());
  if (text.empty() && made_file) {
    TRY(remove_file(path));
    return "";
  }
  struct stat status{};
  const bool known = ::stat(path.c_str(), &status) == 0;
  TRY(write_file_durably(path, text, known ? status.st_mode & 07777U : 0644U));
  return "";
}

bool reload_systemd(const fs::path& fstab, const Cancellation& cancel) {
  if (fstab != "/etc/fstab" || !path_exists("/run/systemd/system")) return true;
  return run_tool("systemctl", "systemd", {"daemon-reload"}, cancel).has_value();
}

Result<void> run_tool(std::string_view name, std::string_view package,
                      const std::vector<std::string>& arguments, const Cancellation& cancel) {
  Command command{.argv = {TRY(find_tool(name, package)).string()},
                  .environment = clean_environment(),
                  .user = {},
                  .input = {}};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  const Outcome outcome = TRY(run(command, 1min, cancel));
  if (outcome.exit_status == 0) return {};
  return std::unexpected(
      Error{.code = Errc::failed,
            .message = fmt::format("{} failed (exit code {})", fmt::join(command.argv, " "),
                                   outcome.exit_status),
            .hint = {},
            .detail = outcome.err});
}

}  // namespace velo::engine

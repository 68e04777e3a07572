// What doctor says of a ZFS place: whether ordinary users have what they need there and nobody has
// more.

#include <sys/stat.h>

#include <algorithm>

#include "base/files.h"
#include "base/os_user.h"
#include "base/process.h"
#include "base/text.h"
#include "storage/zfs_attach.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_place.h"
#include "storage/zfs_sharing.h"

namespace velo::storage::zfs {
namespace {

using Weight = Remark::Weight;
using namespace std::chrono_literals;

class Examination {
 public:
  explicit Examination(std::string place) : place_(std::move(place)) {}

  std::vector<Remark> look() {
    if (!check_pool(place_)) return {};  // its health, told beside this, says why
    const bool has_helper = path_exists(mount_helper);
    const auto base = get({std::string(base_property)}, base_of(place_));
    // What others could write is a hole whether this place is set up or not.
    if (has_helper || base) look_at_helper(has_helper);
    const bool is_named = look_at_places();
    if (!base) {
      add(Weight::notable, fmt::format("{} is not set up for ordinary users", place_), setup());
      return std::move(remarks_);
    }
    if (!is_named) {
      add(lacking(),
          fmt::format("{} does not name {}: the mount helper refuses it", places_file, place_),
          setup());
    }
    look_at_sudo();
    look_at_rights();
    return std::move(remarks_);
  }

 private:
  void add(Weight weight, std::string text, std::string hint = {}) {
    remarks_.push_back({.weight = weight, .text = std::move(text), .hint = std::move(hint)});
  }
  std::string setup() const { return fmt::format("sudo velo setup --pool {}", place_); }
  /// Root needs none of it, so that it is no fault where only root uses Velo.
  static Weight lacking() { return running_as_root() ? Weight::notable : Weight::warning; }

  void look_at_helper(bool is_there) {
    const auto usable = check_mount_helper();
    if (usable) {
      add(Weight::fine, fmt::format("the mount helper {} is root's alone", mount_helper));
    } else {
      add(is_there ? Weight::wrong : lacking(), usable.error().message, setup());
    }
  }

  /// Whether the helper serves this place.
  bool look_at_places() {
    const std::string path(places_file);
    for (const fs::path& one : {fs::path(path).parent_path(), fs::path(path)}) {
      struct stat status{};
      if (::lstat(one.c_str(), &status) != 0) continue;
      if (status.st_uid == 0 && (status.st_mode & 0022U) == 0) continue;
      add(Weight::wrong, fmt::format("{} is not root's alone to write", one.string()),
          fmt::format("chown root {0}; chmod go-w {0}", one.string()));
      return true;  // not so now, but that is the first thing to mend
    }
    const std::string text = read_file(path).value_or("");
    return std::ranges::any_of(lines_of(text), [&](std::string_view line) {
      return trim(line.substr(0, line.find('#'))) == place_;
    });
  }

  /// sudo itself is asked by an ordinary user; root looks at the file.
  void look_at_sudo() {
    const std::string path(sudoers_file);
    if (!running_as_root()) {
      const Cancellation never;
      const auto asked = run({.argv = {"/usr/bin/sudo", "-n", "-l", std::string(mount_helper)},
                              .environment = {"PATH=/usr/sbin:/sbin:/usr/bin:/bin", "LC_ALL=C"},
                              .user = {},
                              .input = {}},
                             3s, never);
      if (asked && asked->exit_status == 0) {
        add(Weight::fine, "sudo lets this user run the mount helper");
      } else {
        add(Weight::warning, "sudo does not let this user run the mount helper",
            setup() + "; new groups count from the next login on");
      }
      return;
    }
    struct stat status{};
    if (::lstat(path.c_str(), &status) != 0) {
      add(lacking(), fmt::format("{} is not there: users may not run the mount helper", path),
          setup());
      return;
    }
    group_ = group_in(read_file(path).value_or(""));
    if (!S_ISREG(status.st_mode) || status.st_uid != 0 || (status.st_mode & 0022U) != 0) {
      add(Weight::wrong, fmt::format("{} is not root's alone to write", path),
          fmt::format("chown root {0}; chmod 0440 {0}", path));
    } else if (group_.empty()) {
      add(Weight::wrong, fmt::format("{} is not the line that setup wrote", path),
          fmt::format("look at it; if it is of no use: rm {}; then {}", path, setup()));
    } else {
      add(Weight::fine, fmt::format("sudo lets the group {} run the mount helper", group_));
    }
  }

  /// The group that the file names, if it holds exactly what setup writes.
  static std::string group_in(std::string_view text) {
    if (!text.starts_with('%')) return "";
    const std::string group(text.substr(1, text.find(' ') - 1));
    return text == sudoers_line(group) ? group : "";
  }

  void look_at_rights() {
    const std::string base = base_of(place_);
    std::string who = "the group " + group_;
    std::string user;
    std::vector<std::string> groups{group_};
    if (!running_as_root()) {
      user = current_user().value_or(OsUser{}).name;
      who = "the user " + user;
      groups = groups_of_caller();
    } else if (group_.empty()) {
      return;
    }
    const auto listed = zfs({"allow", base});
    if (!listed) {
      add(Weight::warning, listed.error().message, listed.error().hint);
      return;
    }
    const auto missing = missing_rights(*listed, user, groups);
    if (missing.empty()) {
      add(Weight::fine, fmt::format("{} has the rights it needs on {}", who, base));
    } else {
      add(Weight::warning, fmt::format("{} lacks rights on {}: {}", who, base, join_words(missing)),
          setup() + "; new groups count from the next login on");
    }
  }

  std::string place_;
  std::string group_;  ///< whom sudoers names; known to root only
  std::vector<Remark> remarks_;
};

}  // namespace

std::vector<Remark> examine(const fs::path& place) {
  if (!check_available() || !is_place(place.string())) return {};
  return Examination(place.string()).look();
}

}  // namespace velo::storage::zfs

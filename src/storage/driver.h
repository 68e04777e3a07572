// The storage contract: what a driver must do, for whoever writes one.
//
// A *pool* is a place (a directory path, or for zfs a pool's name); a *volume* is what holds one
// branch's cluster and whatever else lies beside it (tablespaces). A volume is named once and never
// renamed or replaced in place: reset and restore make another one.
//
// A driver object serves one place, keeps no state of its own, and may be called from any thread.
// Errors carry Errc::storage, no_space, permission, not_found or already_exists, and name the path.
// Drivers do not include one another; what file-based drivers share is in directory_volume.h.
// To add one: a source with a `Driver` and a line in registry.cpp; the contract suite
// (tests/contract/storage_test.cpp) runs on every name in the registry that it is given a place
// for.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/os_user.h"
#include "base/time.h"

namespace velo::storage {

namespace fs = std::filesystem;

enum class CloneCost {
  constant,  ///< whatever the size
  per_file,  ///< a call for each file, whatever its size
  per_byte,  ///< a full copy
};

struct Capabilities {
  /// A clone is what a power failure would have left: all that was synced before the call began,
  /// and nothing without what its writer had synced before it. Of what is being written and not
  /// synced btrfs may take an older state, another one for each file: enough for PostgreSQL's
  /// recovery unless fsync or full_page_writes is off. A driver without it clones file by file, and
  /// the engine must wrap the clone in PostgreSQL's backup API.
  bool atomic_snapshot = false;
  CloneCost cost = CloneCost::per_byte;
  /// measure() of all volumes costs about what one costs: a question to the file system's own books
  /// (zfs), where the others walk through the files.
  bool measures_all_at_once = false;
  /// A write takes new blocks even where the old ones are nobody else's: blocks that were filled
  /// with zeros ahead are then never the ones that are written to.
  bool copies_on_write = false;
};

/// Who a volume belongs to, stored with it. Velo deletes only volumes whose mark carries its own
/// home id; doctor rebuilds lost records from marks.
struct Mark {
  std::string home_id;
  std::string project_id;
  std::string project_name;  ///< as it was when the volume was made: a label for people
  std::string branch_id;
  std::string branch_name;
  std::string incarnation_id;
  std::string parent_incarnation_id;  ///< empty for a project's first volume
  std::string runtime;                ///< "native"
  std::string build;                  ///< server build (native) or image digest (docker)
  Timestamp created_at;
  /// What else the engine wants to find again where its catalog is lost (engine/mark_record.h).
  /// Nothing for a driver to look into; on ZFS a mark ends at 8 kB.
  std::map<std::string, std::string> record;
};

/// What a volume weighs, in bytes of data (not of metadata).
struct Sizes {
  std::uint64_t referenced = 0;  ///< what it looks like: all of its data
  /// What deleting it would free: data that no other volume shares. Of a volume that others were
  /// cloned from zfs tells less: what they have replaced since then counts as shared.
  std::uint64_t exclusive = 0;
};

/// What there is of a volume.
enum class Presence {
  attached,  ///< its files are in root_of()
  detached,  ///< it is there, and attach() makes its files reachable
  gone,
};

struct PoolState {
  std::string health;  ///< "ONLINE", or what is wrong: "READ-ONLY", "MISSING", zfs's own words
  std::uint64_t size = 0;
  std::uint64_t used = 0;
  std::uint64_t free = 0;  ///< what Velo's user can still write
  std::string remedy;      ///< what to do about a health that is not "ONLINE"; may be empty
};

/// What a clone leaves out: asked with a path relative to the volume's root, no leading slash.
/// `contents` makes a directory but nothing in it; for a file it means the same as `all`.
enum class LeaveOut { nothing, contents, all };
using FileFilter = std::function<LeaveOut(std::string_view relative_path, bool is_directory)>;

class Driver {
 public:
  Driver() = default;
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  Driver(Driver&&) = delete;
  Driver& operator=(Driver&&) = delete;
  virtual ~Driver() = default;

  virtual std::string_view name() const = 0;
  virtual Capabilities capabilities() const = 0;

  /// Makes what all volumes of this place lie in, durably; nothing to do where it is there. Whoever
  /// plans the first volume calls it before: from then on a place without it is one that is away.
  virtual Result<void> prepare() = 0;
  /// Errc::storage, with what to do, where the place is away: not mounted, not imported, moved.
  /// Nobody can say then what it holds, and nothing in it may be believed gone.
  virtual Result<void> check_there() const = 0;

  /// Makes an empty volume owned by `owner` (mode 0700), its mark durable before anything else and
  /// all of it when it returns. Errc::already_exists when the name is taken, by this home or
  /// another: nothing was changed. On any other error the half-made volume is removed.
  virtual Result<void> create(const std::string& volume, const Mark& mark, const OsUser& owner) = 0;

  /// Makes `target` a writable clone of the volume `source`, which may be in use. Durable when it
  /// returns. Errc::not_found when there is no such source, Errc::already_exists as for create; on
  /// any other error the half-made target is removed. Drivers with atomic_snapshot ignore
  /// `leave_out` and clone everything as it is. The others ask it (on the calling thread; it may be
  /// empty) for each file, directory and symbolic link: files keep their modes and modification
  /// times and belong to `owner`, with whose rights they are read; links are copied, never
  /// followed; sockets, fifos and devices are left out; a file that vanishes meanwhile is no error.
  virtual Result<void> clone(const std::string& source, const std::string& target, const Mark& mark,
                             const OsUser& owner, const FileFilter& leave_out) = 0;

  /// Deletes a volume, durably; a missing one is success (so that undo can be repeated), and one
  /// that a crash left half made or half deleted goes too. Those that were cloned from it keep all
  /// that they have, whatever the file system thinks of origins and clones. The space may come back
  /// a little later (btrfs frees it in the background). Refuses (Errc::storage) a volume whose mark
  /// is missing or carries another home id, and anything in a place that is not there.
  virtual Result<void> remove(const std::string& volume, const std::string& home_id) = 0;

  /// Makes the volume's files reachable / takes them away (mount, later map). Idempotent; nothing
  /// to do for drivers whose volumes are directories. create and clone attach what they make; after
  /// a reboot nobody may have. Errc::not_found when there is no such volume.
  virtual Result<void> attach(const std::string& volume) = 0;
  virtual Result<void> detach(const std::string& volume) = 0;

  /// The directory in which the volume's files are, while attached. Derived from the name: it says
  /// nothing about whether the volume exists.
  virtual fs::path root_of(const std::string& volume) const = 0;
  /// Whether the volume is there, told without reading its files. An error says why that cannot be
  /// known: the place itself is away or does not answer. Then nothing in it may be believed gone.
  virtual Result<Presence> presence_of(const std::string& volume) const = 0;
  /// Errc::not_found when there is no such volume, or it has no (readable) mark; any other error
  /// when that cannot be told.
  virtual Result<Mark> mark_of(const std::string& volume) const = 0;
  /// Gives a volume of this home's another mark: whoever reads it meanwhile, and after a crash,
  /// finds the old one or the new one. Errc::not_found when there is none of this home's to
  /// replace.
  virtual Result<void> update_mark(const std::string& volume, const Mark& mark) = 0;
  /// The names of all volumes with a mark in this place, of every home.
  virtual Result<std::vector<std::string>> list() const = 0;

  // What an earlier Velo made can become a volume, in its place and without a copy, and can be
  // given back as it was. For root; nothing may run on it. Optional: Errc::unsupported.

  /// What `adopt` will change, in a form that `give_back` takes; changes nothing. `source`: a
  /// directory in the place's file system, or for zfs the dataset that `volume` would be.
  /// Errc::not_found, or already_exists where it is a volume.
  virtual Result<std::string> look_at_foreign(const std::string& source,
                                              const std::string& volume) const;
  /// Its files stay as they are, but for the owner and mode of its root directory.
  virtual Result<void> adopt(const std::string& source, const std::string& volume, const Mark& mark,
                             const OsUser& owner);
  /// Whatever of `adopt` was done; one that was not begun, or is given back, is success.
  virtual Result<void> give_back(const std::string& volume, const std::string& home_id,
                                 const std::string& was);

  /// Walks extents: 20–130 ms for a volume with a thousand files; or asks one question for all (see
  /// measures_all_at_once). One answer per name, in order. A volume that is gone has zeros.
  virtual Result<std::vector<Sizes>> measure(const std::vector<std::string>& volumes) const = 0;
  /// Never fails for a place that is gone: its health says so.
  virtual Result<PoolState> pool_state() const = 0;
  /// PoolState::free as one system call tells it, seen from a volume that is attached, for drivers
  /// whose pool_state() takes a process; nothing where that cannot be told so, or the pool is not
  /// as it should be: pool_state() says then what it is.
  virtual std::optional<std::uint64_t> room_beside(const std::string& /*volume*/) const {
    return std::nullopt;
  }
};

}  // namespace velo::storage

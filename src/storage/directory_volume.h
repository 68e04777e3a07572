// What the drivers share whose volumes are directories: names, marks, claims, removal.
//
//   <place>/velo/              0700, or 0711 when root made it; kept as it is when it is there. An
//                              administrator makes it 1777 so that several users share a pool.
//   <place>/velo/<volume>/     made by mkdir, which claims the name. Owned by the caller, never by
//   the
//                              server's user, so that a server cannot alter its own mark: 0700, or
//                              0711 when the volume's owner is another user than the caller (root).
//   …/<volume>/velo.json       the mark (mark.h)
//   …/<volume>/fs/             the volume's root, owned by its owner
//
// They come in this order and go in the reverse, so that after a crash the mark says whose the rest
// is: it is synced before anything is made beside it. What a crash between mkdir and that leaves is
// a directory with nothing in it but at most a velo.json that is no mark; one that belongs to the
// calling user is removed like one with its mark. There is no data in it.
//
// A place without its `velo` is away (an unmounted file system, a directory that was moved): what
// is in it is not believed gone.
//
// Where a pool is shared, other users can put what they like into <place>/velo. So volumes are made
// only below a `velo` that belongs to root or to the caller, and removed only when they are
// directories of the caller's own.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.h"
#include "storage/driver.h"
#include "storage/extents.h"

namespace velo::storage {

/// A driver is what it says about itself and how it makes, clones and removes the volume's root;
/// the parent directory of a root given to these is the caller's, so that nobody swaps it
/// meanwhile.
class DirectoryVolumeDriver : public Driver {
 public:
  explicit DirectoryVolumeDriver(fs::path place) : place_(std::move(place)) {}

  Result<void> prepare() final;
  Result<void> check_there() const final;
  Result<void> create(const std::string& volume, const Mark& mark, const OsUser& owner) final;
  Result<void> clone(const std::string& source, const std::string& target, const Mark& mark,
                     const OsUser& owner, const FileFilter& leave_out) final;
  Result<void> remove(const std::string& volume, const std::string& home_id) final;
  Result<void> attach(const std::string& volume) final;
  Result<void> detach(const std::string& volume) final;
  fs::path root_of(const std::string& volume) const final;
  Result<Presence> presence_of(const std::string& volume) const final;
  Result<Mark> mark_of(const std::string& volume) const final;
  Result<void> update_mark(const std::string& volume, const Mark& mark) final;
  Result<std::vector<std::string>> list() const final;
  Result<std::string> look_at_foreign(const std::string& source,
                                      const std::string& volume) const final;
  Result<void> adopt(const std::string& source, const std::string& volume, const Mark& mark,
                     const OsUser& owner) final;
  Result<void> give_back(const std::string& volume, const std::string& home_id,
                         const std::string& was) final;
  Result<std::vector<Sizes>> measure(const std::vector<std::string>& volumes) const final;
  Result<PoolState> pool_state() const final;

 private:
  /// Makes an empty root; its mode and owner are set afterwards.
  virtual Result<void> make_root(const fs::path& root) = 0;
  /// Makes `target` a clone of `source`, of the same mode, durable when it returns.
  virtual Result<void> clone_root(const fs::path& source, const fs::path& target,
                                  const OsUser& owner, const FileFilter& leave_out) = 0;
  /// Removes what make_root or clone_root made, whole or half; a missing one is success.
  virtual Result<void> remove_root(const fs::path& root) = 0;
  virtual Accounting accounting() const = 0;

  fs::path base() const { return place_ / "velo"; }
  fs::path directory_of(const std::string& volume) const { return base() / volume; }
  Result<void> prepare_base() const;
  Result<Fd> open_base() const;
  Result<void> claim(const std::string& volume, const Mark& mark);
  Result<void> open_to(const std::string& volume, const OsUser& owner) const;
  Result<void> settle(const std::string& volume, Result<void> made);
  Result<void> take_back(const std::string& volume, Result<void> failure);
  Result<void> remove_claim(const std::string& volume) const;
  Result<void> check_ours(const std::string& volume, const std::string& home_id) const;

  fs::path place_;
};

/// Makes an empty directory the root of a volume: mode 0700, and its owner's.
Result<void> give_root(const fs::path& root, const OsUser& owner);

}  // namespace velo::storage

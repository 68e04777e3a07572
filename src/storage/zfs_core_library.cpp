#include "storage/zfs_core_library.h"

#include <optional>

#include "base/library.h"

namespace velo::storage::zfs {
namespace {

constexpr std::string_view remedy = "the commands do the same";

Result<CoreLibrary> load() {
  const Library lists = TRY(Library::load("libnvpair.so.3", remedy));
  const Library library = TRY(Library::load("libzfs_core.so.3", remedy));
  int (*begin)() = nullptr;
  TRY(library.find("libzfs_core_init", begin));
  CoreLibrary core;
  TRY(lists.find("nvlist_alloc", core.list_alloc));
  TRY(lists.find("nvlist_add_boolean", core.list_add));
  TRY(lists.find("nvlist_add_string", core.list_add_string));
  TRY(lists.find("nvlist_free", core.list_free));
  TRY(library.find("lzc_snapshot", core.snapshot));
  TRY(library.find("lzc_clone", core.clone));
  TRY(library.find("lzc_destroy", core.destroy));
  TRY(library.find("lzc_destroy_snaps", core.destroy_snapshots));
  TRY(library.find("lzc_promote", core.promote));
  TRY(library.find("lzc_exists", core.exists));
  if (const int err = begin(); err != 0) return fail_errno(err, "open /dev/zfs");
  return core;
}

}  // namespace

const CoreLibrary* core_library() {
  static const Result<CoreLibrary> once = load();
  return once ? &*once : nullptr;
}

}  // namespace velo::storage::zfs

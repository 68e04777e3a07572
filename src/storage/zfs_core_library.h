// libzfs_core, loaded when it is first needed: ZFS's changes as function calls, where `zfs` is a
// process.
//
// Its interface is the one of OpenZFS's that is meant to stay (libzfs's moves with every release).
// Neither its headers nor the library are needed to build Velo; where it is missing, or has another
// version number than these functions are declared for, the commands do the same.
#pragma once

#include "base/error.h"

namespace velo::storage::zfs {

/// A list of named values (libnvpair's nvlist_t).
struct NvList;

/// The functions that Velo uses, as libzfs_core.h and libnvpair.h of OpenZFS 2.0 and later declare
/// them. Those that answer with an int give 0 or an errno of the kernel's. Any thread may call
/// them.
struct CoreLibrary {
  /// Type 1 is a list whose names are unique (NV_UNIQUE_NAME); the last argument is 0.
  int (*list_alloc)(NvList** list, unsigned type, int flag) = nullptr;
  int (*list_add)(NvList* list, const char* name) = nullptr;
  int (*list_add_string)(NvList* list, const char* name, const char* value) = nullptr;
  void (*list_free)(NvList* list) = nullptr;

  /// Properties are user properties, of each snapshot. `errors` is the caller's to free.
  int (*snapshot)(NvList* snapshots, NvList* properties, NvList** errors) = nullptr;
  /// Makes the dataset and mounts nothing.
  int (*clone)(const char* dataset, const char* origin, NvList* properties) = nullptr;
  /// Unmounts nothing. EBUSY, EEXIST (it has snapshots).
  int (*destroy)(const char* dataset) = nullptr;
  /// Snapshots that are not there are no error; with `defer` neither are those in use.
  int (*destroy_snapshots)(NvList* snapshots, int defer, NvList** errors) = nullptr;
  /// On EEXIST the buffer holds the snapshot's name that both have.
  int (*promote)(const char* dataset, char* conflict, int conflict_size) = nullptr;
  int (*exists)(const char* dataset) = nullptr;
};

/// Loaded once, with /dev/zfs open (and closed on exec); stays so. Null where the library, one of
/// these functions or the kernel's part is not there.
const CoreLibrary* core_library();

}  // namespace velo::storage::zfs

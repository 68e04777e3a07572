#include "storage/zfs_changes.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <vector>

#include "storage/zfs_command.h"
#include "storage/zfs_core_library.h"

namespace velo::storage::zfs {
namespace {

std::atomic<bool> commands_only = false;

const CoreLibrary* library() {
  return commands_only ? nullptr : core_library();
}

/// What the library takes and gives, freed at the end.
class List {
 public:
  explicit List(const CoreLibrary& core) : core_(&core) {
    constexpr unsigned unique_names = 1;
    if (core.list_alloc(&list_, unique_names, 0) != 0) list_ = nullptr;
  }
  List(const CoreLibrary& core, const std::string& name) : List(core) {
    if (list_ != nullptr && core.list_add(list_, name.c_str()) != 0) clear();
  }
  List(const CoreLibrary& core, const UserProperty& property) : List(core) {
    const std::string name(property.name);
    if (list_ != nullptr &&
        core.list_add_string(list_, name.c_str(), property.value.c_str()) != 0) {
      clear();
    }
  }
  List(const List&) = delete;
  List& operator=(const List&) = delete;
  List(List&&) = delete;
  List& operator=(List&&) = delete;
  ~List() { clear(); }

  /// Null when there was no memory for it.
  NvList* get() const { return list_; }

 private:
  void clear() {
    if (list_ != nullptr) core_->list_free(list_);
    list_ = nullptr;
  }

  const CoreLibrary* core_;
  NvList* list_ = nullptr;
};

/// Calls what gives a list of errors besides its answer, which is the same when there is one thing
/// to do.
template <class Call>
int without_list(const CoreLibrary& core, Call call) {
  NvList* errors = nullptr;
  const int err = call(&errors);
  if (errors != nullptr) core.list_free(errors);
  return err;
}

/// `by_library` answers with an errno. A command on a suspended pool would wait for ever.
template <class Call>
Result<void> change(const std::string& what, Call by_library,
                    const std::vector<std::string>& command) {
  if (const CoreLibrary* core = library()) {
    const int err = by_library(*core);
    if (err == 0) return {};
    if (err == EAGAIN) {
      return std::unexpected(
          error_of("cannot change '" + what + "': pool I/O is currently suspended"));
    }
  }
  if (auto done = zfs(command); !done) return std::unexpected(std::move(done).error());
  return {};
}

Result<void> unless_gone(Result<void> result) {
  if (!result && result.error().code == Errc::not_found) return {};
  return result;
}

std::string assign(const UserProperty& property) {
  return std::string(property.name) + "=" + property.value;
}

int destroy_by_library(const CoreLibrary& core, const std::string& snapshot, bool defer) {
  const List snapshots(core, snapshot);
  if (snapshots.get() == nullptr) return ENOMEM;
  return without_list(core, [&](NvList** errors) {
    return core.destroy_snapshots(snapshots.get(), defer ? 1 : 0, errors);
  });
}

}  // namespace

Result<void> take_snapshot(const std::string& snapshot, const UserProperty& property) {
  return change(snapshot,
                [&](const CoreLibrary& core) {
                  const List snapshots(core, snapshot);
                  const List properties(core, property);
                  if (snapshots.get() == nullptr || properties.get() == nullptr) return ENOMEM;
                  return without_list(core, [&](NvList** errors) {
                    return core.snapshot(snapshots.get(), properties.get(), errors);
                  });
                },
                {"snapshot", "-o", assign(property), snapshot});
}

Result<void> make_clone(const std::string& snapshot, const std::string& dataset,
                        const UserProperty& property) {
  auto made = change(dataset,
                     [&](const CoreLibrary& core) {
                       const List properties(core, property);
                       if (properties.get() == nullptr) return ENOMEM;
                       return core.clone(dataset.c_str(), snapshot.c_str(), properties.get());
                     },
                     {"clone", "-o", assign(property), snapshot, dataset});
  // By anybody but root it is made and not mounted, which some versions of `zfs` call a failure.
  if (!made && made.error().message.find("successfully created") != std::string::npos) return {};
  return made;
}

Result<void> destroy_snapshot_when_free(const std::string& snapshot) {
  return unless_gone(change(
      snapshot, [&](const CoreLibrary& core) { return destroy_by_library(core, snapshot, true); },
      {"destroy", "-d", snapshot}));
}

Result<void> destroy_snapshot(const std::string& snapshot) {
  return unless_gone(change(
      snapshot, [&](const CoreLibrary& core) { return destroy_by_library(core, snapshot, false); },
      {"destroy", snapshot}));
}

Result<void> destroy_dataset(const std::string& dataset) {
  return unless_gone(change(dataset,
                            [&](const CoreLibrary& core) { return core.destroy(dataset.c_str()); },
                            {"destroy", dataset}));
}

Result<void> promote(const std::string& dataset) {
  return change(dataset,
                [&](const CoreLibrary& core) {
                  std::array<char, 256> conflict{};
                  return core.promote(dataset.c_str(), conflict.data(), conflict.size());
                },
                {"promote", dataset});
}

std::optional<bool> exists(const std::string& dataset) {
  const CoreLibrary* core = library();
  if (core == nullptr) return std::nullopt;
  return core->exists(dataset.c_str()) != 0;
}

void use_commands_only(bool only) {
  commands_only = only;
}

}  // namespace velo::storage::zfs

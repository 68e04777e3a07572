// The drivers there are, and which of them serves a place. The only file that knows their names.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "storage/driver.h"
#include "storage/sharing.h"

namespace velo::storage {

/// What a driver has to say of a place beyond whether it can serve it, for doctor: rights that are
/// missing, a helper that is not root's.
struct Remark {
  enum class Weight { fine, notable, warning, wrong };
  Weight weight = Weight::fine;
  std::string text;
  std::string hint;
};

struct DriverInfo {
  std::string_view name;         ///< "zfs", "btrfs", "reflink", "copy": what --storage takes
  std::string_view description;  ///< one line for --help and docs
  /// Whether it can serve the place, an existing directory or one whose nearest existing parent
  /// decides, for the calling user. The error says why not, and what would have to change.
  Result<void> (*probe)(const std::filesystem::path& place);
  std::unique_ptr<Driver> (*open)(const std::filesystem::path& place);
  /// Only reads; empty for a driver that has nothing more to say.
  std::vector<Remark> (*examine)(const std::filesystem::path& place) = nullptr;
  /// Only for a driver whose places are pools with names of their own ("tank"), which it can find
  /// by itself: those that this machine has, usable or not. It starts no process where there are
  /// none.
  std::vector<std::filesystem::path> (*find)() = nullptr;
  /// Only for a driver whose places root has to make ready for others; setup carries it out.
  const Sharing* sharing = nullptr;

  bool takes(const std::filesystem::path& place) const {
    return place.is_absolute() == (find == nullptr);
  }
};

/// Best first.
const std::vector<DriverInfo>& drivers();

/// The driver of that name for the place; it does not probe. Errc::usage names those there are.
Result<std::unique_ptr<Driver>> open_driver(std::string_view name,
                                            const std::filesystem::path& place);

struct Choice {
  std::string driver;
  std::string reason;  ///< one line: why this one, and why not the better ones
};
/// The best driver that can serve the place. `copy` serves every directory that can be written.
Result<Choice> choose_driver(const std::filesystem::path& place);

/// The pools that drivers find by themselves.
struct FoundPlaces {
  struct Usable {
    std::string driver;
    std::filesystem::path place;
  };
  std::vector<Usable> usable;
  std::string refusals;  ///< why not the others: "zfs on tank: …; …", empty when there are none
};
/// `driver`: one of those there are, or empty for all.
FoundPlaces find_places(std::string_view driver);

}  // namespace velo::storage

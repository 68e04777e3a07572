#include "storage/registry.h"

#include "base/text.h"
#include "storage/builtin.h"

namespace velo::storage {

const std::vector<DriverInfo>& drivers() {
  static const std::vector<DriverInfo> all{zfs_driver, btrfs_driver, reflink_driver, copy_driver};
  return all;
}

Result<std::unique_ptr<Driver>> open_driver(std::string_view name, const fs::path& place) {
  std::vector<std::string> names;
  for (const DriverInfo& driver : drivers()) {
    if (driver.name == name) return driver.open(place);
    names.emplace_back(driver.name);
  }
  return fail(Errc::usage, "there is no storage driver \"{}\"; there are {}", name,
              join_words(names));
}

Result<Choice> choose_driver(const fs::path& place) {
  std::string why_not_better;
  Error last;
  for (const DriverInfo& driver : drivers()) {
    if (!driver.takes(place)) continue;
    auto usable = driver.probe(place);
    if (usable) {
      return Choice{.driver = std::string(driver.name),
                    .reason = fmt::format("{}{}", driver.description, why_not_better)};
    }
    why_not_better += fmt::format("; not {}: {}", driver.name, usable.error().message);
    last = std::move(usable).error();
  }
  return std::unexpected(std::move(last));
}

FoundPlaces find_places(std::string_view driver) {
  FoundPlaces found;
  for (const DriverInfo& info : drivers()) {
    if (info.find == nullptr || (!driver.empty() && driver != info.name)) continue;
    for (const fs::path& place : info.find()) {
      if (const auto usable = info.probe(place)) {
        found.usable.push_back({.driver = std::string(info.name), .place = place});
      } else {
        found.refusals += fmt::format("{}{} on {}: {}", found.refusals.empty() ? "" : "; ",
                                      info.name, place.string(), usable.error().message);
      }
    }
  }
  return found;
}

}  // namespace velo::storage

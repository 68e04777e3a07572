#include "storage/zfs_adopt.h"

#include <nlohmann/json.hpp>

#include <array>

#include "storage/foreign_root.h"
#include "storage/mark.h"
#include "storage/zfs_attach.h"
#include "storage/zfs_command.h"
#include "storage/zfs_layout.h"
#include "storage/zfs_mount.h"

namespace velo::storage::zfs {
namespace {

using nlohmann::json;

Result<void> done(Result<std::string> output) {
  if (!output) return std::unexpected(std::move(output).error());
  return {};
}

/// "recordsize" of "recordsize=8k".
std::string name_of(const std::string& assignment) {
  return assignment.substr(0, assignment.find('='));
}

std::vector<std::string> base_property_names(const std::string& place) {
  std::vector<std::string> names;
  for (const std::string& one : base_properties(place)) names.push_back(name_of(one));
  return names;
}

/// What is set on the dataset itself; null for what it inherits.
Result<json> set_on(const std::vector<std::string>& names, const std::string& dataset) {
  const auto properties = TRY(get(names, dataset));
  json found = json::object();
  for (std::size_t i = 0; i < names.size(); ++i) {
    found[names[i]] = properties.at(i).is_set_here() ? json(properties[i].value) : json(nullptr);
  }
  return found;
}

Result<void> put_back(const json& properties, const std::string& dataset) {
  if (!properties.is_object()) return {};
  for (const auto& [name, value] : properties.items()) {
    if (value.is_string()) {
      TRY(done(zfs({"set", fmt::format("{}={}", name, value.get<std::string>()), dataset})));
    } else if (name == "canmount") {  // which no dataset inherits
      TRY(done(zfs({"set", "canmount=on", dataset})));
    } else {
      TRY(done(zfs({"inherit", name, dataset})));
    }
  }
  return {};
}

const std::vector<std::string> own_properties{"mountpoint"};

}  // namespace

Result<std::string> look_at_foreign(const std::string& place, const std::string& source,
                                    const std::string& volume) {
  if (source != dataset_of(place, volume)) {
    return fail_with_hint(Errc::unsupported,
                          fmt::format("{} does not lie where Velo's volumes do: {}", source,
                                      dataset_of(place, volume)),
                          fmt::format("stop what uses it, then: zfs rename -p {} {}", source,
                                      dataset_of(place, volume)));
  }
  const auto mark = TRY(get({std::string(mark_property)}, source));
  if (mark.front().is_set_here()) {
    return fail(Errc::already_exists, "{} is a volume already", source);
  }
  json was{{"base", TRY(set_on(base_property_names(place), base_of(place)))},
           {"dataset", TRY(set_on(own_properties, source))}};
  const auto effective = TRY(get({"mountpoint"}, source));
  was["mountpoint"] = effective.front().value;
  was["root"] = TRY(foreign_root(effective.front().value));
  return was.dump();
}

Result<void> adopt(const std::string& place, const std::string& volume, const Mark& mark,
                   const OsUser& owner) {
  const std::string dataset = dataset_of(place, volume);
  // The mark first: from then on give_back knows it.
  TRY(done(zfs({"set", fmt::format("{}={}", mark_property, mark_to_line(mark)), dataset})));
  const auto base = TRY(get({std::string(base_property)}, base_of(place)));
  if (!base.front().is_set_here()) {
    std::vector<std::string> words{"set"};
    for (const std::string& one : base_properties(place)) words.push_back(one);
    words.push_back(base_of(place));
    TRY(done(zfs(words)));
  }
  const std::string mountpoint = mountpoint_of(place, volume).string();
  if (TRY(get({"mountpoint"}, dataset)).front().value != mountpoint) {
    TRY(done(zfs({"set", "mountpoint=" + mountpoint, dataset})));
  }
  TRY(attach_volume(place, volume));
  return give_foreign_root(mountpoint, owner);
}

Result<void> give_back(const std::string& place, const std::string& volume, const std::string& text,
                       bool last) {
  const json was = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!was.is_object()) return fail(Errc::state, "what {} was is not to be read", volume);
  const std::string dataset = dataset_of(place, volume);
  if (is_mounted(dataset, mountpoint_of(place, volume))) {
    TRY(put_back_root(mountpoint_of(place, volume), was.value("root", json())));
  }
  if (last) TRY(put_back(was.value("base", json()), base_of(place)));
  TRY(put_back(was.value("dataset", json()), dataset));
  // Inherited from a base that stays Velo's, it would not be where it was.
  const std::string before = was.value("mountpoint", "");
  if (!before.empty() && TRY(get({"mountpoint"}, dataset)).front().value != before) {
    TRY(done(zfs({"set", "mountpoint=" + before, dataset})));
  }
  const auto mounted = zfs({"mount", dataset});
  if (!mounted && TRY(get({"mounted"}, dataset)).front().value != "yes") {
    return std::unexpected(mounted.error());
  }
  return done(zfs({"inherit", std::string(mark_property), dataset}));
}

}  // namespace velo::storage::zfs

#include "storage/zfs_layout.h"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.h"

namespace velo::storage::zfs {
namespace {

constexpr std::string_view base_suffix = "/velo/databases";
/// ZFS_MAX_DATASET_NAME_LEN is 256 with its NUL; a snapshot's name must fit as well.
constexpr std::size_t longest_dataset = 200;

/// On the base dataset itself, and on each volume for whoever made it.
constexpr std::array local_rights{"create", "mount"};
constexpr std::array create_time_rights{"allow", "clone",   "create",   "destroy",
                                        "mount", "promote", "snapshot", "userprop"};
constexpr std::array snapshot_rights{"clone", "destroy", "mount", "promote", "snapshot"};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool is_component(std::string_view text, std::string_view also) {
  return !text.empty() && is_letter_or_digit(text.front()) &&
         std::ranges::all_of(text, [&](char c) {
           return is_letter_or_digit(c) || also.find(c) != std::string_view::npos;
         });
}

template <class Words>
std::string with_commas(const Words& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ",") + std::string(word);
  return text;
}

}  // namespace

bool is_place(std::string_view text) {
  return text.size() + base_suffix.size() < longest_dataset &&
         std::ranges::all_of(
             split(text, '/'), [](std::string_view part) { return is_component(part, "_-.:"); });
}

bool is_volume_name(std::string_view text) {
  return text.size() < longest_dataset && is_component(text, "_-.");
}

std::string pool_of(std::string_view place) {
  return std::string(place.substr(0, place.find('/')));
}

std::string base_of(std::string_view place) {
  return std::string(place) + std::string(base_suffix);
}

std::string dataset_of(std::string_view place, std::string_view volume) {
  return base_of(place) + "/" + std::string(volume);
}

std::filesystem::path mounts_of(std::string_view place) {
  // No component of a place holds a '+'.
  std::string name(place);
  std::ranges::replace(name, '/', '+');
  return mounts_directory / name;
}

std::filesystem::path mountpoint_of(std::string_view place, std::string_view volume) {
  return mounts_of(place) / volume;
}

std::optional<Volume> volume_of(std::string_view dataset) {
  const std::size_t slash = dataset.rfind('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view base = dataset.substr(0, slash);
  if (!base.ends_with(base_suffix)) return std::nullopt;
  Volume found{.place = std::string(base.substr(0, base.size() - base_suffix.size())),
               .volume = std::string(dataset.substr(slash + 1))};
  if (!is_place(found.place) || !is_volume_name(found.volume)) return std::nullopt;
  return found;
}

std::vector<std::string> base_properties(std::string_view place) {
  return {"recordsize=8k", "compression=lz4", "atime=off",
          // Whoever mounts them, at boot for example: a server's user can make files in a volume.
          "setuid=off", "devices=off", "canmount=off", "mountpoint=" + mounts_of(place).string(),
          std::string(base_property) + "=1"};
}

std::string sudoers_line(std::string_view group) {
  return "%" + std::string(group) + " ALL=(root) NOPASSWD: " + std::string(mount_helper) +
         " \"\"\n";
}

std::vector<Grant> grants(std::string_view place, std::string_view flag, std::string_view name) {
  const std::string base = base_of(place);
  return {{"-l", std::string(flag), std::string(name), with_commas(local_rights), base},
          {"-c", with_commas(create_time_rights), base}};
}

Grant grant_on_snapshots(std::string_view dataset, std::string_view user) {
  return {"-d", "-u", std::string(user), with_commas(snapshot_rights), std::string(dataset)};
}

std::vector<std::string> missing_rights(std::string_view allow_output, std::string_view user,
                                        const std::vector<std::string>& groups) {
  // ---- Permissions on tank/velo/databases ----
  // Create time permissions:
  // \tclone,create,…
  // Local permissions:
  // \tuser alice create,mount
  // \tgroup velo create,mount
  std::set<std::string, std::less<>> local;
  std::set<std::string, std::less<>> at_creation;
  enum class Section { none, create_time, on_itself } section = Section::none;
  bool on_base = true;
  int headings = 0;
  for (const std::string_view line : lines_of(allow_output)) {
    if (line.starts_with("----")) on_base = ++headings == 1;
    if (!line.starts_with('\t')) {
      section = Section::none;
      if (line.starts_with("Create time")) section = Section::create_time;
      if (line.starts_with("Local")) section = Section::on_itself;  // "Local+Descendent" as well
      continue;
    }
    if (!on_base) continue;
    const auto words = split(line.substr(1), ' ');
    const auto add = [&](auto& rights) {
      for (const std::string_view right : split(words.back(), ',')) rights.emplace(right);
    };
    if (section == Section::create_time) add(at_creation);
    const bool applies =
        words.front() == "everyone" ||
        (words.size() == 3 && words[0] == "user" && words[1] == user) ||
        (words.size() == 3 && words[0] == "group" && std::ranges::count(groups, words[1]) > 0);
    if (section == Section::on_itself && applies) add(local);
  }
  std::vector<std::string> missing;
  for (const char* right : local_rights) {
    if (!local.contains(std::string_view(right))) missing.emplace_back(right);
  }
  for (const char* right : create_time_rights) {
    if (!at_creation.contains(std::string_view(right))) {
      missing.emplace_back(std::string("-c ") + right);
    }
  }
  return missing;
}

}  // namespace velo::storage::zfs

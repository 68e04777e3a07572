// Where Velo's things are on a ZFS pool and on the machine: names, and nothing that asks anybody.
// The driver, `velo setup`, `velo doctor` and the mount helper (src/helper) share it.
//
//   PLACE                            a pool, or a dataset in one: "tank", "tank/team"
//   PLACE/velo/databases             the base dataset: properties that all volumes inherit
//   PLACE/velo/databases/VOLUME      a volume; its mark is the user property velo:mark
//   PLACE/velo/databases/VOLUME@…    what a clone was made of: goes with it (deferred)
//
// Volumes are mounted below a directory of root's whose path follows from the place alone, so that
// nobody is asked where one is, and whoever may make volumes may not choose where they are mounted.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace velo::storage::zfs {

/// "tank", "tank/team": what ZFS takes for a dataset and what needs no quoting anywhere: components
/// of letters, digits, '_', '-', '.' and ':' that begin with a letter or digit.
bool is_place(std::string_view text);
/// What may name a volume: letters, digits, '_', '-' and '.', beginning with a letter or digit.
bool is_volume_name(std::string_view text);

std::string pool_of(std::string_view place);
std::string base_of(std::string_view place);
std::string dataset_of(std::string_view place, std::string_view volume);

/// Root's own, and everything above it: whoever could write here could choose what is mounted over.
inline const std::filesystem::path mounts_directory = "/var/lib/velo/zfs";
/// The directory that a place's volumes are mounted in ("tank/team": …/tank+team).
std::filesystem::path mounts_of(std::string_view place);
std::filesystem::path mountpoint_of(std::string_view place, std::string_view volume);

struct Volume {
  std::string place;
  std::string volume;
};
/// Takes a volume's dataset apart; empty for what is none.
std::optional<Volume> volume_of(std::string_view dataset);

// --- User properties ---

inline constexpr std::string_view base_property = "velo:base";  ///< on what Velo made as a base
inline constexpr std::string_view mark_property = "velo:mark";  ///< one line of JSON
/// On a snapshot: the volume that it was taken for.
inline constexpr std::string_view for_property = "velo:for";

/// What the base dataset is made with. A clone takes its parent dataset's properties and not its
/// origin's, so this is the place for them.
std::vector<std::string> base_properties(std::string_view place);

// --- What an ordinary user needs ---

/// Mounting needs root on Linux: this program has the right by the line in sudoers, and reads from
/// its standard input what to do, so that the line can name it exactly, with no arguments.
inline constexpr std::string_view mount_helper = "/usr/lib/velo/velo-mount-helper";
/// The places that the helper serves, one a line; root's, mode 0644. '#' begins a comment.
inline constexpr std::string_view places_file = "/etc/velo/zfs-places";
inline constexpr std::string_view sudoers_file = "/etc/sudoers.d/velo";
/// Members of `group` may run the helper as root: `"…"` at the end means without arguments.
std::string sudoers_line(std::string_view group);

/// One `zfs allow` or `zfs unallow`: what follows the command's name.
using Grant = std::vector<std::string>;
/// Rights on the base dataset for a user ("-u", name) or a group ("-g", name): to make volumes in
/// it, and for whoever makes one everything that Velo does with it. Nobody gets a right on what
/// another user made.
std::vector<Grant> grants(std::string_view place, std::string_view flag, std::string_view name);

/// What whoever made a volume gives itself on that volume's snapshots: ZFS's create-time rights do
/// not reach them, and rights below the base dataset would reach everybody's volumes.
Grant grant_on_snapshots(std::string_view dataset, std::string_view user);

/// The rights that `zfs allow BASE` must list in its sections for `user`, who is in `groups`; those
/// that are missing.
std::vector<std::string> missing_rights(std::string_view allow_output, std::string_view user,
                                        const std::vector<std::string>& groups);

}  // namespace velo::storage::zfs
